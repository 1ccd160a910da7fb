import Database
import Dispatch
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@Suite struct StoreCopyTests {
  private let directory: TemporaryDirectory
  private let migrations = [Migration(name: "one", sql: "CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB)")]
  private var store: String { "\(directory.path)/var/\(StoreFile.name)" }
  private var target: String { "\(directory.path)/copy" }

  init() throws { directory = try TemporaryDirectory() }

  private func open() throws -> StoreFile {
    try StoreFile(directory: "\(directory.path)/var", durability: .normal, migrations: migrations)
  }

  private var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() } }

  /// Every row has its number's bytes, and none is missing below the last.
  private func rows(of path: String) throws -> Int {
    try DatabaseQueue(path: path).read { db in
      let rows = try Row.fetchAll(db, sql: "SELECT n, body FROM t ORDER BY n")
      for (place, row) in rows.enumerated() {
        guard row[0] == place + 1, (row[1] as Data).allSatisfy({ $0 == UInt8(truncatingIfNeeded: place + 1) }) else { return -1 }
      }
      return rows.count
    }
  }

  @Test func `a copy beside commits that never pause is of one moment, and ends`() throws {
    let file = try open()
    let count = Atomic<Int>(0)
    func add(_ bytes: Int) throws {
      let n = count.load(ordering: .relaxed) + 1
      let body = Data(repeating: UInt8(truncatingIfNeeded: n), count: bytes)
      try file.commit { try $0.execute(sql: "INSERT INTO t VALUES (?, ?)", arguments: [n, body]) }
      count.store(n, ordering: .relaxed)
    }
    while count.load(ordering: .relaxed) < 300 { try add(100_000) }
    var (before, seen, fractions) = (0, 0, [Double]())
    before = count.load(ordering: .relaxed)
    // A commit between two steps, from the connection that is not copied: a backup without a transaction would begin again each time.
    let copy = try StoreCopy(of: store, at: "\(target).partial") { fraction in
      fractions.append(fraction)
      try? add(20_000)
      seen += 1
    }
    #expect(seen >= 7, "\(seen) steps")
    #expect(fractions == fractions.sorted() && fractions.last == 1)
    try copy.check()
    #expect(!FileManager.default.fileExists(atPath: target), "it has its name only when it is placed")
    try copy.place(at: target)
    #expect(try names == ["copy", "var"], "one file")
    #expect(try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions] as? Int == 0o600)
    #expect(try rows(of: target) == before)
    #expect(try rows(of: store) == before + seen)
  }

  @Test func `a copy that is not placed is gone, and what a killed one left is overwritten`() throws {
    try open().commit { try $0.execute(sql: "INSERT INTO t VALUES (1, x'0101')") }
    do { _ = try StoreCopy(of: store, at: "\(target).partial") }
    #expect(try names == ["var"])
    for ending in ["", "-wal", "-journal"] { try Data(repeating: 9, count: 100_000).write(to: URL(filePath: "\(target).partial\(ending)")) }
    try StoreCopy(of: store, at: "\(target).partial").place(at: target)
    #expect(try names == ["copy", "var"])
    #expect(try rows(of: target) == 1)
  }

  @Test func `a file that is there stays`() throws {
    try open().commit { try $0.execute(sql: "INSERT INTO t VALUES (1, x'0101')") }
    try Data("mine".utf8).write(to: URL(filePath: target))
    let copy = try StoreCopy(of: store, at: "\(target).partial")
    #expect(throws: StoreError.self) { try copy.place(at: target) }
    #expect(try Data(contentsOf: URL(filePath: target)) == Data("mine".utf8))
  }

  @Test func `two copies to one name are not made at once`() throws {
    _ = try open()
    let first = try StoreCopy(of: store, at: "\(target).partial")
    #expect(throws: StoreError.self) { try StoreCopy(of: store, at: "\(target).partial") }
    try first.place(at: target)
  }

  @Test func `a damaged page is found in the copy`() throws {
    let file = try open()
    for n in 1...200 { try file.commit { try $0.execute(sql: "INSERT INTO t VALUES (?, zeroblob(3000))", arguments: [n]) } }
    file.checkpoint()
    var bytes = try Data(contentsOf: URL(filePath: store))
    for place in 20 * 4096..<21 * 4096 { bytes[place] = 0xa5 }
    try bytes.write(to: URL(filePath: store))
    let copy = try StoreCopy(of: store, at: "\(target).partial")
    #expect { try copy.check() } throws: { error in
      guard case .damaged(let why) = error as? StoreError else { return false }
      return why.contains(store)
    }
  }
}
