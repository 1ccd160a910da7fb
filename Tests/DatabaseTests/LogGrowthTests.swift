import Database
import Foundation
import GRDB
import TestSupport
import Testing

@Suite struct LogGrowthTests {
  private let directory: TemporaryDirectory
  private let file: StoreFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try StoreFile(
      directory: directory.path, durability: .normal,
      migrations: [Migration(name: "one", sql: "CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB)")])
    file.logPagesUncopiedMax = 50
  }

  private var fileBytes: Int { (try? Data(contentsOf: URL(filePath: "\(directory.path)/\(StoreFile.name)")).count) ?? 0 }

  /// One row of three pages and what leads to it.
  private func write() throws {
    try file.commit { try $0.execute(sql: "INSERT INTO t(body) VALUES (?)", arguments: [Data(repeating: 0xaa, count: 12_000)]) }
  }

  @Test func `No commit copies the log, however long it is; between commits it is copied when that is due, and not before`() throws {
    #expect(file.copyLogIfDue() == false)
    let before = fileBytes
    for _ in 0..<1200 { try write() }
    #expect(file.logBytes > 1000 * 4096, "SQLite's own bound")
    #expect(fileBytes == before)
    #expect(file.copyLogIfDue())
    #expect(fileBytes > before + 1200 * 12_000)
    #expect(file.copyLogIfDue() == false, "there is nothing new")
    try write()
    #expect(file.copyLogIfDue() == false)
  }

  @Test func `A log that is copied when that is due begins anew, and stays short`() throws {
    var copies = 0
    for _ in 0..<1000 {
      try write()
      if file.copyLogIfDue() { copies += 1 }
    }
    #expect((50...120).contains(copies), "3 to 6 pages a commit, of which 50 to 60 are copied at a time: \(copies) times")
    #expect(file.logBytes < 64 * 4200)
    #expect(file.emptyLog())
    #expect(fileBytes > 1000 * 12_000)
  }

  @Test func `Beside a reader that holds the log it is copied at that distance, and beyond its usual size after every commit`() throws {
    try write()
    let held = try HeldRead(database: "\(directory.path)/\(StoreFile.name)")
    var copies = 0
    while file.logBytes < 15 << 20 {
      try write()
      if file.copyLogIfDue() { copies += 1 }
    }
    #expect((62...77).contains(copies), "15 MB of pages, of which 50 to 60 are copied at a time: \(copies) times")
    while file.logBytes < 17 << 20 { try write() }
    for _ in 0..<10 {
      try write()
      #expect(file.copyLogIfDue())
      #expect(!file.copyLogIfDue())
    }
    try held.letGo()
    #expect(file.copyLogIfDue() == false)
    try write()
    #expect(file.copyLogIfDue())
    try write()
    #expect(file.logBytes <= 16 << 20, "it has begun anew, and is cut")
  }
}
