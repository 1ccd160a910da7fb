import Foundation
import Simulation
import Testing

@Suite(.serialized) struct FailingDiskTests {
  /// One commit after another until the gateway ends by itself.
  private func report(_ city: LedgerCity, _ child: ChildProcess) async throws {
    for _ in 0..<200 where child.isRunning {
      try city.publish(1)
      _ = await Bench.wait(seconds: 5) {
        guard child.isRunning else { return true }
        return await city.gateway.metric("thuong_readings_stored_total") ?? 0 >= Double(city.ledger.count)
      }
    }
    let hasEnded = await Bench.wait(seconds: 20) { !child.isRunning }
    #expect(hasEnded)
    child.end()
    #expect(child.exitCode == 3, "\(city.log.suffix(30000))")
    #expect(city.log.contains("nothing more is acknowledged") && city.log.contains("then start again"), "\(city.log.suffix(500))")
  }

  @Test(
    arguments: [("pwrite64", SystemCallFault.Effect.ioError, 60), ("fdatasync", .ioError, 6), ("pwrite64", .readOnly, 70)])
  func `F11 A failing write or sync ends the gateway without an acknowledgement, and nothing is lost`(
    _ call: String, _ effect: SystemCallFault.Effect, _ number: Int
  ) async throws {
    let city = try LedgerCity()
    try await city.settleIn()
    let child = try await city.start(under: SystemCallFault(effect: effect, call: call, number: number, isSticky: true).wrapper)
    try await report(city, child)
    #expect(try await city.problemInTheEnd() == nil)
  }

  @Test(.enabled(if: SmallDisk.canFail, "a disk that fails needs root, mkfs.ext4 and a loop device"))
  func `F11 A file system that turns read-only under load ends the gateway, and nothing is lost once it is mounted again`() async throws {
    let city = try LedgerCity()
    let disk = try SmallDisk(on: city.store, image: "\(city.directory.path)/disk.ext4", megabytes: 16)
    let child = try await city.start()
    try city.publish(200)
    #expect(await city.isStored())
    try disk.fail()
    try await report(city, child)

    let second = try city.gateway.start()
    let hasEnded = await Bench.wait(seconds: 20) { !second.isRunning }
    second.end()
    #expect(hasEnded && second.exitCode == 3, "a start on a read-only disk: \(city.log.suffix(300))")
    #expect(city.log.contains("Read-only file system"), "\(city.log.suffix(300))")
    try disk.repair()
    #expect(try await city.problemInTheEnd() == nil)
  }
}
