import Foundation
import GRDB
import TestSupport

/// Random SQL over three connections to one file, and everything that each statement answered.
struct SQLScript {
  enum Step {
    case run(connection: Int, sql: String)
    case reopen(connection: Int)
  }

  let journal: String
  private(set) var steps: [Step] = []

  init(seed: UInt64, count: Int, journal: String) {
    self.journal = journal
    var random = SeededGenerator(seed: seed)
    steps = (0..<count).map { _ in Self.step(&random) }
  }

  private static func step(_ random: inout SeededGenerator) -> Step {
    // The first connection writes most, the others look on and get in its way.
    let connection = max(0, Int.random(in: -2...2, using: &random))
    if Int.random(in: 0..<30, using: &random) == 0 { return .reopen(connection: connection) }
    let n = Int.random(in: 1...60, using: &random)
    let bytes = Int.random(in: 0...9, using: &random) == 0 ? 40_000 : Int.random(in: 10...900, using: &random)
    let sql =
      switch Int.random(in: 0..<23, using: &random) {
      case 0, 1: "BEGIN"
      case 2: "BEGIN IMMEDIATE"
      case 3...7: "COMMIT"
      case 8: "ROLLBACK"
      case 9: "SAVEPOINT s"
      case 10: "ROLLBACK TO s"
      case 11...13: "INSERT OR REPLACE INTO t VALUES (\(n), \(bytes), printf('%0\(bytes)d', \(n)))"
      case 14: "UPDATE t SET size = \(bytes), body = printf('%0\(bytes)d', n) WHERE n % 5 = \(n % 5)"
      case 15: "DELETE FROM t WHERE n % 7 = \(n % 7)"
      case 16: "PRAGMA wal_checkpoint(\(["PASSIVE", "FULL", "RESTART", "TRUNCATE"][n % 4]))"
      case 17: "PRAGMA incremental_vacuum"
      case 18: "PRAGMA integrity_check"
      default: "SELECT count(*), sum(n), sum(size), sum(length(body)), max(substr(body, -3)) FROM t"
      }
    return .run(connection: connection, sql: sql)
  }

  /// What every step answered, and what is there in the end, with the files' sizes as the file system tells them.
  func run(in directory: String) throws -> [String] {
    let path = "\(directory)/t.sqlite"
    var connections: [DatabaseQueue?] = []
    for _ in 0..<3 { connections.append(try open(path)) }
    var answers: [String] = []
    for sql in ["CREATE TABLE t(n INTEGER PRIMARY KEY, size, body)", "CREATE INDEX i ON t(size)"] {
      answers += try execute(sql, connections[0])
    }
    for step in steps {
      switch step {
      case .run(let connection, let sql): answers += try execute(sql, connections[connection])
      case .reopen(let connection):
        connections[connection] = nil
        connections[connection] = try? open(path)  // another may have locked the file
        answers.append("\(connections[connection] == nil)")
      }
    }
    connections = []
    for name in ["t.sqlite", "t.sqlite-wal"] {
      var info = stat()
      answers.append(stat("\(directory)/\(name)", &info) == 0 ? "\(name): \(info.st_size)" : "no \(name)")
    }
    let last = try open(path)
    return try answers + execute("PRAGMA integrity_check", last) + execute("SELECT n, size, body FROM t", last)
  }

  private func open(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    configuration.busyMode = .immediateError
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    // A small cache, so that a transaction writes before its commit; a log that is checkpointed soon.
    let pragmas = ["auto_vacuum = INCREMENTAL", "journal_mode = \(journal)", "cache_size = 12", "wal_autocheckpoint = 30"]
    for pragma in pragmas { _ = try execute("PRAGMA \(pragma)", queue) }
    return queue
  }

  private func execute(_ sql: String, _ queue: DatabaseQueue?) throws -> [String] {
    guard let queue else { return [] }
    return queue.inDatabase { db in
      do {
        return try Row.fetchAll(db, sql: sql).map { row in "\(row)" }
      } catch {
        return ["\((error as? DatabaseError)?.extendedResultCode.rawValue ?? -1)"]
      }
    }
  }
}
