import Database
package import Foundation
package import GRDB
package import Readings

/// A series as it is stored.
package struct StoredSeries: Sendable {
  package var id: SeriesID
  package var device: String
  package var metric: String
  /// The clock when it was first known; nil until the first input after its registration.
  package var registeredAt: Timestamp?
  /// The ring that it is sealed with; nil in a store that was written before there were rings.
  package var ring: Int64?
  /// The first and the last span of which a chunk row had a reading of it; nil where none ever had.
  package var spans: ClosedRange<Int64>?
  package init(id: SeriesID, device: String, metric: String, registeredAt: Timestamp?, ring: Int64? = nil) {
    (self.id, self.device, self.metric, self.registeredAt, self.ring) = (id, device, metric, registeredAt, ring)
  }
}

/// The statements of the series store's tables.
package enum SeriesTable {
  package static func all(_ db: GRDB.Database) throws -> [StoredSeries] {
    try Row.fetchAll(db, sql: "SELECT id, device, metric, registered_at, ring, first_span, last_span FROM series ORDER BY id").map {
      row in
      let registered: Int64? = try row.soundIfPresent("registered_at")
      var series = StoredSeries(
        id: SeriesID(try row.sound("id") as Int), device: try row.sound("device"), metric: try row.sound("metric"),
        registeredAt: registered.map(Timestamp.init(milliseconds:)), ring: try row.soundIfPresent("ring"))
      if let first: Int64 = try row.soundIfPresent("first_span"), let last: Int64 = try row.soundIfPresent("last_span") {
        guard first <= last else { throw StoreError.damaged("the spans of series \(series.id.index) cannot be right") }
        series.spans = first...last
      }
      return series
    }
  }

  /// SQLite keeps each name twice, in the table and in its index: where they differ, readings would be taken for another series'.
  ///
  /// - Returns: false where there are no tables yet.
  /// - Throws: `StoreError.damaged`.
  package static func check(_ db: GRDB.Database) throws -> Bool {
    for table in ["series", "ring", "chunk", "rollup", "log", "log_cut"] { guard try db.tableExists(table) else { return false } }
    let found = try String.fetchOne(db, sql: "PRAGMA integrity_check(series)") ?? "no answer"
    // A page that the disk does not give is no damage: 10 in the low byte is an I/O error.
    if found.contains("error code=266") { throw StoreError.unusable("the table of series cannot be read: the disk gives an error") }
    if found != "ok" { throw StoreError.damaged("the table of series: \(found.split(separator: "\n").joined(separator: ", "))") }
    return true
  }

  package static func insert(_ series: StoredSeries, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT INTO series(id, device, metric, registered_at, ring) VALUES (?, ?, ?, ?, ?)")
      .execute(arguments: [series.id.int, series.device, series.metric, series.registeredAt?.milliseconds, series.ring])
  }

  package static func setRing(_ series: SeriesID, _ ring: Int64, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "UPDATE series SET ring = ? WHERE id = ?").execute(arguments: [ring, series.int])
  }

  package static func setSpans(_ series: SeriesID, _ spans: ClosedRange<Int64>, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "UPDATE series SET first_span = ?, last_span = ? WHERE id = ?")
      .execute(arguments: [spans.lowerBound, spans.upperBound, series.int])
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

  /// The row's body; nil where there is none of that number.
  package static func body(of number: Int64, _ db: GRDB.Database) throws -> Data? {
    try Data.fetchOne(db, sql: "SELECT body FROM log WHERE number = ?", arguments: [number])
  }

  /// Takes what the row holds out of the log; its number stays.
  package static func takeOut(_ number: Int64, _ db: GRDB.Database) throws {
    try db.execute(sql: "UPDATE log SET body = ? WHERE number = ?", arguments: [Data(LogRow.takenOut), number])
  }

  // MARK: Cutting

  /// What stands in place of the rows that were cut: the number of the last of them, and what they said besides their readings.
  package struct Cut: Equatable, Sendable {
    package var number: Int64
    /// The gateway's to read.
    package var state: [UInt8]
    package init(number: Int64, state: [UInt8]) { (self.number, self.state) = (number, state) }
  }

  /// - Throws: `StoreError.damaged` where it is not what was written.
  package static func lastCut(_ db: GRDB.Database) throws -> Cut? {
    guard let row = try Row.fetchOne(db, sql: "SELECT number, state FROM log_cut WHERE id = 1") else { return nil }
    let (number, stored): (Int64, Data) = (try row.sound("number"), try row.sound("state"))
    let state = [UInt8](stored.dropFirst(4))
    guard stored.count >= 4, Array(stored.prefix(4)) == checksum(number, state) else {
      throw StoreError.damaged("what the log's rows up to \(number) said cannot be read")
    }
    return Cut(number: number, state: state)
  }

  /// Removes the rows up to that number.
  package static func cut(_ cut: Cut, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO log_cut(id, number, state) VALUES (1, ?, ?)")
      .execute(arguments: [cut.number, Data(checksum(cut.number, cut.state) + cut.state)])
    try db.cachedStatement(sql: "DELETE FROM log WHERE number <= ?").execute(arguments: [cut.number])
  }

  private static func checksum(_ number: Int64, _ state: [UInt8]) -> [UInt8] {
    let crc = unsafe state.withUnsafeBytes { unsafe Checksum.crc32(of: $0, after: Checksum.crc32(of: number)) }
    return (0..<4).map { UInt8(truncatingIfNeeded: crc >> (8 * $0)) }
  }

  /// Bytes of the rows up to that number.
  package static func bytes(through number: Int64 = .max, _ db: GRDB.Database) throws -> Int64 {
    try Int64.fetchOne(db, sql: "SELECT total(length(body)) FROM log WHERE number <= ?", arguments: [number]) ?? 0
  }

  package static func lastNumber(_ db: GRDB.Database) throws -> Int64 { try Int64.fetchOne(db, sql: "SELECT max(number) FROM log") ?? 0 }

  /// Reads rows in order, those after the number `begin` (nil: after those that were cut), at most `limit`. Returns the number of the last
  /// one read.
  ///
  /// - Parameter willRead: called before each row; a row for which it says false is passed over.
  /// - Throws: `StoreError.damaged` where a number is missing or a row is not what was written.
  @discardableResult
  package static func read(
    _ db: GRDB.Database, after begin: Int64? = nil, limit: Int = .max, into visitor: inout some LogVisitor,
    willRead: (Int64) -> Bool = { _ in true }
  ) throws -> Int64 {
    let last = try begin ?? Int64.fetchOne(db, sql: "SELECT number FROM log_cut") ?? 0
    let rows = try Row.fetchCursor(
      db, sql: "SELECT number, body FROM log WHERE number > ? ORDER BY number LIMIT ?", arguments: [last, limit])
    var expected = last + 1
    var read = last
    while let row = try rows.next() {
      let number: Int64 = row[0]
      if number != expected { throw StoreError.damaged("log rows \(expected) to \(number - 1) are missing") }
      (expected, read) = (number + 1, number)
      if !willRead(number) { continue }
      visitor.begins(row: number)
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
