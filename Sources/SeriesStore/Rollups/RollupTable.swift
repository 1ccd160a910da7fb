package import Database
package import Foundation
package import GRDB
package import Readings

/// The statements of the table `rollup`.
package enum RollupTable {
  private static let half: Int64 = 1 << 31

  /// A row's number: those of a resolution and ring lie together, in order of time.
  package static func number(_ resolution: Resolution, ring: Int64, row: Int64) -> Int64 {
    (resolution.rawValue << 20 | ring) << 32 | (min(max(row, -half), half - 1) + half)
  }

  private static func row(_ number: Int64) -> Int64 { (number & 0xffff_ffff) - half }

  /// Where the row of that number belongs; nil where no row has it.
  package static func place(of number: Int64) -> (resolution: Resolution, ring: Int64, row: Int64)? {
    Resolution(rawValue: number >> 52).map { ($0, number >> 32 & 0xf_ffff, row(number)) }
  }

  /// A row, and where it stands.
  package struct Stored: Sendable {
    package var number: Int64
    package var body: Data

    package init(number: Int64, body: Data) { (self.number, self.body) = (number, body) }

    /// - Throws: `StoreError.damagedRow` where it is not what was written.
    package func buckets(of series: [SeriesID]) throws(StoreError) -> RollupRow {
      do {
        // Safe: the bytes are used within the call alone.
        return try unsafe body.withUnsafeBytes { bytes in unsafe try RollupRow(bytes, number: number, of: series) }
      } catch {
        let range = RollupTable.place(of: number).map { $0.resolution.rows.range($0.row) } ?? 0..<0
        throw .damagedRow(
          DamagedRow(table: .rollup, number: number, range: range, what: "rollup row \(number) cannot be read (\(error))"))
      }
    }
  }

  package static func stored(_ resolution: Resolution, ring: Int64, row: Int64, _ db: GRDB.Database) throws -> Stored? {
    let number = number(resolution, ring: ring, row: row)
    return try Data.fetchOne(db.cachedStatement(sql: "SELECT body FROM rollup WHERE id = ?"), arguments: [number])
      .map { Stored(number: number, body: $0) }
  }

  /// Those that have buckets in the range, in order of time, at most `limit`.
  package static func stored(
    _ resolution: Resolution, ring: Int64, in range: Range<Int64>, limit: Int = .max, _ db: GRDB.Database
  ) throws -> [Stored] {
    if range.isEmpty { return [] }
    let (first, last) = (resolution.rows.number(of: range.lowerBound), resolution.rows.number(of: range.upperBound - 1))
    return try Row.fetchAll(
      db.cachedStatement(sql: "SELECT id, body FROM rollup WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"),
      arguments: [number(resolution, ring: ring, row: first), number(resolution, ring: ring, row: last), limit]
    ).map { Stored(number: $0[0], body: $0[1]) }
  }

  /// What a row of that number covers.
  package static func range(of stored: Stored, _ resolution: Resolution) -> Range<Int64> { resolution.rows.range(row(stored.number)) }

  package static func store(_ number: Int64, _ body: [UInt8], _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO rollup(id, body) VALUES (?, ?)").execute(arguments: [number, Data(body)])
  }

  package static func remove(_ number: Int64, _ db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM rollup WHERE id = ?", arguments: [number])
  }

  /// Removes the rows that begin before `t`, where a row begins.
  package static func remove(_ resolution: Resolution, ring: Int64, before t: Int64, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "DELETE FROM rollup WHERE id BETWEEN ? AND ?").execute(arguments: [
      number(resolution, ring: ring, row: -half), number(resolution, ring: ring, row: resolution.rows.number(of: t) - 1),
    ])
  }
}
