import Foundation
import GRDB
import Readings
import SeriesStore

/// The statements of the table `quarantine`: what ended the process twice, kept for whoever mends the fault.
enum Quarantine {
  /// Rows kept; the oldest make room. Four deaths of the process stand behind each.
  static let rowsMax = 1000

  static func keep(_ message: QuarantinedMessage, _ db: GRDB.Database) throws {
    try db.execute(
      sql: "INSERT INTO quarantine(at, topic, body) VALUES (?, ?, ?)",
      arguments: [message.at.milliseconds, message.topic, Data(message.payload)])
    try trim(db)
  }

  /// Moves a row of the log here. Its number stays in the log, so that nothing seems to be missing there.
  static func take(logRow number: Int64, _ db: GRDB.Database) throws {
    guard let body = try SeriesLog.body(of: number, db) else { return }
    try db.execute(sql: "INSERT INTO quarantine(log_number, body) VALUES (?, ?)", arguments: [number, body])
    try SeriesLog.takeOut(number, db)
    try trim(db)
  }

  /// Rows of the log that were taken out and whose gap is not recorded yet: a process that ends between the two leaves that to the next.
  static func untold(_ db: GRDB.Database) throws -> Set<Int64> {
    try Int64.fetchSet(db, sql: "SELECT log_number FROM quarantine WHERE log_number IS NOT NULL AND at IS NULL")
  }

  /// In the transaction that records the gap.
  static func told(logRow number: Int64, at: Timestamp, _ db: GRDB.Database) throws {
    try db.execute(sql: "UPDATE quarantine SET at = ? WHERE log_number = ?", arguments: [at.milliseconds, number])
  }

  private static func trim(_ db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", arguments: [rowsMax])
  }
}
