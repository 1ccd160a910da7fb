import Database
import Foundation
import GRDB
import TestSupport
import Testing

@Suite struct StoreFormatTests {
  private let directory: TemporaryDirectory
  private let steps = (1...4).map { Migration(name: "step-\($0)", sql: "CREATE TABLE t\($0)(n INTEGER)") }
  private var path: String { "\(directory.path)/\(StoreFile.name)" }

  init() throws { directory = try TemporaryDirectory() }

  /// Opens the store with the first so many steps, and writes a row.
  @discardableResult private func open(_ count: Int) throws(StoreError) -> StoreFile {
    let file = try StoreFile(directory: directory.path, durability: .normal, migrations: Array(steps[..<count]))
    try file.commit { try $0.execute(sql: "INSERT INTO t1 VALUES (7)") }
    return file
  }

  private func refusal(_ count: Int) -> String {
    do throws(StoreError) { _ = try open(count) } catch { return "\(error)" }
    return "opened"
  }

  private func number(_ pragma: String, of path: String) throws -> Int? {
    try DatabaseQueue(path: path).read { db in try Int.fetchOne(db, sql: "PRAGMA \(pragma)") }
  }

  private var copies: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.contains("before") }.sorted() }
  }

  @Test func `a store says whose it is and of what format`() throws {
    try open(3)
    #expect(try number("user_version", of: path) == 3)
    #expect(try number("application_id", of: path) == 0x5468_756f)
    #expect(try copies == [], "what is new has nothing to keep")
  }

  @Test func `an older store is copied before it is brought up to date, and the copy is what it was`() throws {
    try open(2)
    #expect(try open(3).copyOfOlder == "\(path).before-3")
    #expect(try number("user_version", of: path) == 3)
    #expect(try number("user_version", of: "\(path).before-3") == 2)
    #expect(try FileManager.default.attributesOfItem(atPath: "\(path).before-3")[.posixPermissions] as? Int == 0o600)
    try open(3)
    #expect(try copies == ["thuong.sqlite.before-3"], "a second start makes none")
    // The version before opens it where it is put in the store's place.
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.moveItem(atPath: "\(path).before-3", toPath: path)
    #expect(try open(2).read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t1") } == 2)
  }

  @Test func `there is one copy of an older store, that of the last time`() throws {
    for count in 1...4 { try open(count) }
    #expect(try copies == ["thuong.sqlite.before-4"])
    #expect(try number("user_version", of: "\(path).before-4") == 3)
  }

  @Test func `a store from before there was a format gets its number, and needs no copy for it`() throws {
    try open(3)
    try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 0; PRAGMA application_id = 0") }
    #expect(try open(3).copyOfOlder == nil)
    #expect(try number("user_version", of: path) == 3)
    try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 0; PRAGMA application_id = 0") }
    #expect(try open(4).copyOfOlder == "\(path).before-4", "it lacks a step")
    #expect(try number("application_id", of: path) == 0x5468_756f)
  }

  @Test func `a newer store is refused with both numbers, and stays as it is`() throws {
    try open(4)
    let before = try Data(contentsOf: URL(filePath: path))
    #expect(refusal(3).contains("later version of thuong (\(path): format 4, and this version knows 3)"), "\(refusal(3))")
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }

  @Test func `another program's database is refused, and stays as it is`() throws {
    let foreign = try DatabaseQueue(path: path)
    try foreign.write { try $0.execute(sql: "CREATE TABLE cookies(host TEXT)") }
    try foreign.close()
    let before = try Data(contentsOf: URL(filePath: path))
    #expect(refusal(3).contains("a database of another program"), "\(refusal(3))")
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
    #expect(try copies == [])
  }

  @Test func `numbers and names that do not fit together are damage`() throws {
    try open(3)
    try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 2") }
    #expect(refusal(3).contains("the store is damaged"))
    try DatabaseQueue(path: path).writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA user_version = 3; UPDATE grdb_migrations SET identifier = 'step-?' WHERE identifier = 'step-2'")
    }
    #expect(refusal(3).contains("the store is damaged"))
  }

  @Test func `a step that fails leaves the store of its old format, and the next start does it`() throws {
    try open(2)
    let broken = Array(steps[..<3]) + [Migration(name: "broken", sql: "CREATE TABLE t1(n)")]
    #expect(throws: StoreError.self) { try StoreFile(directory: directory.path, durability: .normal, migrations: broken) }
    #expect(try number("user_version", of: path) == 2)
    #expect(try number("user_version", of: "\(path).before-4") == 2)
    try open(3)
    #expect(try copies == ["thuong.sqlite.before-3"])
  }
}
