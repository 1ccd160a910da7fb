import Database
import Foundation
import GRDB
import TestSupport
import Testing

/// F23: another process holds a read transaction.
@Suite(.serialized, .disabled("two of its child processes deadlock a small machine"))
struct StuckReaderTests {
  private let directory: TemporaryDirectory
  private let file: StoreFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try StoreFile(
      directory: directory.path, durability: .normal,
      migrations: [Migration(name: "one", sql: "CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB)")])
  }

  private var database: String { "\(directory.path)/\(StoreFile.name)" }

  private func write(_ rows: Int) throws {
    let body = Data(repeating: 0xaa, count: 8000)
    for _ in 0..<rows { try file.commit { try $0.execute(sql: "INSERT INTO t(body) VALUES (?)", arguments: [body]) } }
  }

  private func holder(_ held: HeldRead) async throws -> Int32 {
    while true {
      if let process = held.process { return process }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  private static func child() async { await #expect(processExitsWith: .success) { try HeldRead.hold(for: "StuckReaderTests") } }

  @Test func `F23 the log cannot be emptied while another process reads, and that process is named`() async throws {
    try write(1)
    #expect(file.logHolders == [])
    let held = HeldRead(for: "StuckReaderTests", database: database)
    held.announce()
    async let child: Void = Self.child()
    let process = try await holder(held)
    try write(1500)
    #expect(file.logBytes > 8 << 20, "what is written since stays in the log")
    #expect(!file.emptyLog())
    #expect(file.logHolders.map(\.process) == [process])
    #expect(file.logHolders.first?.description.hasPrefix("process \(process) (") == true)
    let reader = try StoreReader(directory: directory.path)
    #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 1501, "others read on")
    held.letGo()
    await child
    #expect(file.emptyLog())
    #expect(file.logBytes == 0)
    #expect(file.logHolders == [])
    try write(1)
    #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 1502)
  }

  @Test func `Of several readers the one that began first is named first`() async throws {
    var holders: [(held: HeldRead, process: Int32)] = []
    try await withThrowingTaskGroup(of: Void.self) { group in
      for name in ["first", "second", "third"] {
        try write(3)
        let held = HeldRead(for: "StuckReaderTests", database: database, name: name)
        held.announce()
        group.addTask { await Self.child() }
        holders.append((held, try await holder(held)))
      }
      #expect(file.logHolders.map(\.process) == holders.map(\.process))
      for (held, _) in holders { held.letGo() }
      try await group.waitForAll()
    }
  }
}
