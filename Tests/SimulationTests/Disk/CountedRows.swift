import Foundation
import GRDB

/// Transactions with known contents, to be cut off anywhere: after each the table is a function of its number.
struct CountedRows {
  static let transactions = 14

  var journal: String
  var synchronous: String

  private static let setUp = "CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB); CREATE TABLE last(id INTEGER PRIMARY KEY, number)"

  /// The rows after each transaction, the first before any.
  static let states: [[Int: Int]] = {
    var state: [Int: Int] = [:]
    return [state]
      + (1...transactions).map { number in
        state[number] = number
        for n in state.keys where n % 4 == number % 4 { state[n] = number }
        state[number - 6] = nil
        return state
      }
  }()

  private func open(_ disk: SimulatedDisk) throws -> DatabaseQueue {
    let queue = try DatabaseQueue(path: "\(disk.path)/t.sqlite")
    try queue.inDatabase { db in
      _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = \(journal)")
      try db.execute(sql: "PRAGMA synchronous = \(synchronous); PRAGMA wal_autocheckpoint = 9; PRAGMA cache_size = 8")
    }
    return queue
  }

  /// Runs as far as the disk lets it. Returns the number of the last transaction that SQLite called committed; -1 without the tables.
  func run(on disk: SimulatedDisk) -> Int {
    var committed = -1
    do {
      let queue = try open(disk)
      try queue.write { try $0.execute(sql: Self.setUp) }
      committed = 0
      for number in 1...Self.transactions {
        try queue.write { db in try Self.transaction(number, db) }
        committed = number
      }
      try queue.close()
    } catch {}
    return committed
  }

  private static func transaction(_ number: Int, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT INTO t VALUES (?, ?)").execute(arguments: [number, body(number)])
    try db.cachedStatement(sql: "UPDATE t SET body = ? WHERE n % 4 = ?").execute(arguments: [body(number), number % 4])
    try db.cachedStatement(sql: "DELETE FROM t WHERE n = ?").execute(arguments: [number - 6])
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO last VALUES (1, ?)").execute(arguments: [number])
  }

  private static func body(_ number: Int) -> Data { Data(repeating: UInt8(number), count: 1500) }

  enum Recovered: Equatable {
    /// Exactly the contents after that transaction; -1: without the tables.
    case state(Int)
    case damaged(String)
  }

  func recover(_ disk: SimulatedDisk) -> Recovered {
    do {
      return try open(disk).read { db in
        let check = try String.fetchOne(db, sql: "PRAGMA integrity_check")
        guard check == "ok" else { return .damaged("\(check ?? "")") }
        guard try db.tableExists("last") else { return .state(-1) }
        let number = try Int.fetchOne(db, sql: "SELECT number FROM last") ?? 0
        var rows: [Int: Int] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT n, body FROM t") {
          let body: Data = row[1]
          guard let first = body.first, body == Self.body(Int(first)) else { return .damaged("row \(row[0] as Int)") }
          rows[row[0]] = Int(first)
        }
        return rows == Self.states[number] ? .state(number) : .damaged("not the rows of transaction \(number)")
      }
    } catch {
      return .damaged("\(error)")
    }
  }
}
