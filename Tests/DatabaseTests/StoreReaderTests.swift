import Database
import GRDB
import TestSupport
import Testing

@Suite struct StoreReaderTests {
  private let directory: TemporaryDirectory
  private let migrations = [Migration(name: "one", sql: "CREATE TABLE t(n INTEGER PRIMARY KEY)")]

  init() throws { directory = try TemporaryDirectory() }

  @Test func aReaderSeesWhatWasCommittedBesideTheWriter() throws {
    let file = try StoreFile(directory: directory.path, durability: .normal, migrations: migrations)
    let reader = try StoreReader(directory: directory.path)
    for n in 1...3 {
      try file.commit { try $0.execute(sql: "INSERT INTO t(n) VALUES (?)", arguments: [n]) }
      #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == n)
    }
  }

  @Test func aReaderCannotWrite() throws {
    let file = try StoreFile(directory: directory.path, durability: .normal, migrations: migrations)
    let reader = try StoreReader(directory: directory.path)
    _ = withExtendedLifetime(file) {
      #expect(throws: DatabaseError.self) { try reader.read { try $0.execute(sql: "INSERT INTO t(n) VALUES (1)") } }
    }
  }

  @Test func aDirectoryWithoutAStoreIsUnusable() {
    #expect(throws: StoreError.self) { _ = try StoreReader(directory: directory.path) }
  }
}
