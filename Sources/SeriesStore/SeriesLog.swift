import Database
import Foundation
package import GRDB
package import Readings

/// A series as it is stored.
package struct StoredSeries: Sendable {
  package var id: SeriesID
  package var device: String
  package var metric: String
  /// The clock when it was first known; nil until the first input after its registration.
  package var registeredAt: Timestamp?
  package init(id: SeriesID, device: String, metric: String, registeredAt: Timestamp?) {
    (self.id, self.device, self.metric, self.registeredAt) = (id, device, metric, registeredAt)
  }
}

/// The statements of the series store's tables.
package enum SeriesTable {
  package static func all(_ db: GRDB.Database) throws -> [StoredSeries] {
    try Row.fetchAll(db, sql: "SELECT id, device, metric, registered_at FROM series ORDER BY id").map { row in
      StoredSeries(
        id: SeriesID(row[0] as Int), device: row[1], metric: row[2], registeredAt: (row[3] as Int64?).map(Timestamp.init(milliseconds:)))
    }
  }

  package static func insert(_ series: StoredSeries, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT INTO series(id, device, metric, registered_at) VALUES (?, ?, ?, ?)")
      .execute(arguments: [series.id.int, series.device, series.metric, series.registeredAt?.milliseconds])
  }

  /// Gives every series that has none yet its instant of registration.
  package static func register(at t: Timestamp, _ db: GRDB.Database) throws {
    try db.execute(sql: "UPDATE series SET registered_at = ? WHERE registered_at IS NULL", arguments: [t.milliseconds])
  }
}

package enum SeriesLog {
  /// Appends the batch as the row of that number.
  package static func append(_ row: UnsafeRawBufferPointer, number: Int64, _ db: GRDB.Database) throws {
    guard let base = unsafe UnsafeMutableRawPointer(mutating: row.baseAddress) else { preconditionFailure("a log row has a header") }
    // Safe: SQLite only reads the bytes, and the statement is done with them before this returns (its bindings are replaced at the next use).
    let body = unsafe Data(bytesNoCopy: base, count: row.count, deallocator: .none)
    try db.cachedStatement(sql: "INSERT INTO log(number, body) VALUES (?, ?)").execute(arguments: [number, body])
  }

  package static func lastNumber(_ db: GRDB.Database) throws -> Int64 { try Int64.fetchOne(db, sql: "SELECT max(number) FROM log") ?? 0 }

  /// Reads rows in order, those after the number `last`, at most `limit`. Returns the number of the last one read.
  ///
  /// - Throws: `StoreError.damaged` where a number is missing or a row is not what was written.
  @discardableResult
  package static func read(
    _ db: GRDB.Database, after last: Int64 = 0, limit: Int = .max, into visitor: inout some LogVisitor
  ) throws -> Int64 {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT number, body FROM log WHERE number > ? ORDER BY number LIMIT ?", arguments: [last, limit])
    var expected = last + 1  // nothing is cut from the log yet
    var read = last
    while let row = try rows.next() {
      let number: Int64 = row[0]
      if number != expected { throw StoreError.damaged("log rows \(expected) to \(number - 1) are missing") }
      (expected, read) = (number + 1, number)
      // Safe: the row's bytes are SQLite's, valid until the cursor moves on.
      let fault: LogRow.Fault? = try row.withUnsafeData(atIndex: 1) { data in
        guard let data else { return .structure }
        return unsafe data.withUnsafeBytes { bytes in
          do throws(LogRow.Fault) {
            unsafe try LogRow.read(bytes, number: number, into: &visitor)
            return nil
          } catch {
            return error
          }
        }
      }
      if let fault { throw StoreError.damaged("log row \(number) cannot be read (\(fault))") }
    }
    return read
  }
}
