import Database
import Foundation
import GRDB
import TestSupport
import Testing

/// F23: another process holds a read transaction.
@Suite struct StuckReaderTests {
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

  @Test func `F23 the log cannot be emptied while another process reads, and that process is named`() throws {
    try write(1)
    #expect(file.logHolders == [])
    let held = try HeldRead(database: database)
    try write(1500)
    #expect(file.logBytes > 8 << 20, "what is written since stays in the log")
    #expect(!file.emptyLog())
    #expect(file.logHolders.map(\.process) == [held.process])
    #expect(file.logHolders.first?.description.hasPrefix("process \(held.process) (") == true)
    let reader = try StoreReader(directory: directory.path)
    #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 1501, "others read on")
    try held.letGo()
    #expect(file.emptyLog())
    #expect(file.logBytes == 0)
    #expect(file.logHolders == [])
    try write(1)
    #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 1502)
  }

  @Test func `Of several readers the one that began first is named first`() throws {
    var holders: [HeldRead] = []
    for _ in 0..<3 {
      try write(3)
      holders.append(try HeldRead(database: database))
    }
    #expect(file.logHolders.map(\.process) == holders.map(\.process))
    for held in holders { try held.letGo() }
    #expect(file.logHolders == [])
  }
}
