import Database
import Foundation
import GRDB
import Readings
import SeriesStore

/// The statements of the table `quarantine`: what crashed the process, kept for whoever mends the fault.
enum Quarantine {
  /// Rows kept; the oldest make room. Three crashes of the process stand behind each.
  static let rowsMax = 1000

  static func keep(_ message: QuarantinedMessage, _ db: GRDB.Database) throws {
    try db.execute(
      sql: "INSERT INTO quarantine(at, topic, body) VALUES (?, ?, ?)",
      arguments: [message.at.milliseconds, message.topic, Data(message.payload)])
    try trim(db)
  }

  /// The hashes of the messages here; see `hash`.
  static func messages(_ db: GRDB.Database) throws -> Set<UInt64> {
    let rows = try Row.fetchCursor(db, sql: "SELECT topic, body FROM quarantine WHERE topic IS NOT NULL")
    var hashes: Set<UInt64> = []
    while let row = try rows.next() {
      let (topic, body): (String, Data) = (try row.sound("topic"), try row.sound("body"))
      body.withUnsafeBytes { body in
        var topic = topic
        topic.withUTF8 { topic in _ = hashes.insert(hash(topic: UnsafeRawBufferPointer(topic), payload: body)) }
      }
    }
    return hashes
  }

  /// By which a start knows the message again that the one before it crashed of. Never 0.
  static func hash(topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) -> UInt64 {
    max(1, ByteHash.of(payload, seed: ByteHash.of(topic)))
  }

  /// Moves a row of the log here. Its number stays in the log, so that nothing seems to be missing there.
  static func take(logRow number: Int64, _ db: GRDB.Database) throws {
    guard let body = try SeriesLog.body(of: number, db), !body.elementsEqual(LogRow.takenOut) else { return }
    try db.execute(sql: "INSERT INTO quarantine(log_number, body) VALUES (?, ?)", arguments: [number, body])
    try SeriesLog.takeOut(number, db)
    try trim(db)
  }

  /// Moves a row here that cannot be read.
  static func take(_ damaged: SetAside, _ db: GRDB.Database) throws {
    let row = damaged.row
    try db.execute(
      sql: "INSERT INTO quarantine(at, stood_in, row_number, body) SELECT ?, ?, id, body FROM \(row.table.rawValue) WHERE id = ?",
      arguments: [damaged.at.milliseconds, row.table.rawValue, row.number])
    switch row.table {
    case .chunk: try ChunkTable.remove(row.number, db)
    case .rollup:
      if let body = damaged.remade { try RollupTable.store(row.number, body, db) } else { try RollupTable.remove(row.number, db) }
    }
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
