import Database
import Foundation
import TestSupport
import Testing

/// What is kept of the disk for when there is no other room.
@Suite struct DiskReserveTests {
  private func size(_ directory: String) -> Int64 { StoreFile.size("\(directory)/\(DiskReserve.name)") }

  @Test func `The reserve is a part of the disk, really taken, kept over a restart, and given once`() throws {
    let directory = try TemporaryDirectory()
    let reserve = DiskReserve(directory: directory.path)
    #expect(reserve.lowWater > 0 && reserve.lowWater <= 64 << 20)
    #expect(!reserve.give(), "nothing is held yet")
    #expect(!reserve.isLow(wasLow: false), "the tests' own disk has room")
    reserve.take()
    #expect(size(directory.path) == reserve.lowWater)
    let blocks = try URL(filePath: "\(directory.path)/\(DiskReserve.name)").resourceValues(forKeys: [.fileAllocatedSizeKey])
      .fileAllocatedSize
    #expect(Int64(blocks ?? 0) >= reserve.lowWater, "a hole in a file keeps nothing")
    let next = DiskReserve(directory: directory.path)
    #expect(next.give())
    #expect(!StoreFile.isThere("\(directory.path)/\(DiskReserve.name)"))
    #expect(!next.give())
  }
}
