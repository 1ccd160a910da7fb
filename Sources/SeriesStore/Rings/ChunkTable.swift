import Database
package import Foundation
package import GRDB
import Readings

/// The statements of the tables `ring` and `chunk`.
package enum ChunkTable {
  // MARK: Rings

  package static func insert(_ ring: Ring, _ db: GRDB.Database) throws {
    try db.execute(
      sql: "INSERT INTO ring(id, length, sealed_through, bytes) VALUES (?, ?, ?, ?)",
      arguments: [ring.id, ring.length, ring.sealedThrough, ring.bytes])
  }

  /// Every ring, without its series.
  package static func rings(_ db: GRDB.Database) throws -> [Ring] {
    try Row.fetchAll(db, sql: "SELECT id, length, sealed_through, bytes, kept_from FROM ring ORDER BY id").map { row in
      let (id, length, through): (Int64, Int64, Int64) = (try row.sound("id"), try row.sound("length"), try row.sound("sealed_through"))
      let (bytes, keptFrom): (Int64, Int64?) = (try row.sound("bytes"), try row.soundIfPresent("kept_from"))
      guard id >= 0, id < 1 << 20, length > 0 else { throw StoreError.damaged("ring \(id) cannot be one") }
      return Ring(id: id, length: length, sealedThrough: through, bytes: bytes, keptFrom: keptFrom ?? .min)
    }
  }

  package static func setSealed(ring: Int64, through row: Int64, _ db: GRDB.Database) throws {
    try db.execute(sql: "UPDATE ring SET sealed_through = ? WHERE id = ?", arguments: [row, ring])
  }

  package static func grew(ring: Int64, by bytes: Int64, _ db: GRDB.Database) throws {
    try db.execute(sql: "UPDATE ring SET bytes = bytes + ? WHERE id = ?", arguments: [bytes, ring])
  }

  // MARK: Chunk rows

  /// Bytes of a row beyond which what comes later is put into another part of its span: what is written once is not written again for ever,
  /// however fast a device is.
  package static let partBytes = 128 << 10
  private static let partBits: Int64 = 11
  private static let half: Int64 = 1 << 31

  /// A row's number: those of a ring lie together, in order of time. Spans are counted from 2^31 below the epoch's.
  private static func number(_ ring: Int64, _ span: Int64, part: Int64 = 0) -> Int64 {
    (ring << 32 | (min(max(span, -half), half - 1) + half)) << partBits | part
  }
  private static func span(_ number: Int64) -> Int64 { (number >> partBits & 0xffff_ffff) - half }
  private static func part(_ number: Int64) -> Int64 { number & (1 << partBits - 1) }

  /// A row, and where it stands.
  package struct Part: Sendable {
    package var number: Int64
    package var body: Data

    package init(number: Int64, body: Data) { (self.number, self.body) = (number, body) }
  }

  /// The parts of a span, in order; those below the number `end`.
  package static func parts(ring: Int64, span: Int64, before end: Int64 = .max, _ db: GRDB.Database) throws -> [Part] {
    try Row.fetchAll(
      db.cachedStatement(sql: "SELECT id, body FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id"),
      arguments: [number(ring, span), min(number(ring, span, part: 1 << partBits - 1), end - 1)]
    ).map { Part(number: $0[0], body: $0[1]) }
  }

  /// The ring of the row of that number, and its span.
  package static func place(of number: Int64) -> (ring: Int64, span: Int64) { (number >> (32 + partBits), span(number)) }

  package static func body(of number: Int64, _ db: GRDB.Database) throws -> Data? {
    try Data.fetchOne(db, sql: "SELECT body FROM chunk WHERE id = ?", arguments: [number])
  }

  /// Lets go of one row.
  package static func remove(_ number: Int64, _ db: GRDB.Database) throws {
    try db.execute(
      sql: "UPDATE ring SET bytes = bytes - ifnull((SELECT length(body) FROM chunk WHERE id = ?), 0) WHERE id = ?",
      arguments: [number, place(of: number).ring])
    try db.execute(sql: "DELETE FROM chunk WHERE id = ?", arguments: [number])
  }

  /// Bytes of the ring's rows, as it says.
  package static func bytes(ring: Int64, _ db: GRDB.Database) throws -> Int64 {
    try Int64.fetchOne(db, sql: "SELECT bytes FROM ring WHERE id = ?", arguments: [ring]) ?? 0
  }

  /// Where what is sealed next of a span goes: into its last part, with what stands there, or into a new one.
  package static func lastPart(ring: Int64, span: Int64, _ db: GRDB.Database) throws -> (number: Int64, old: Data?) {
    let (first, end) = (number(ring, span), number(ring, span, part: 1 << partBits - 1))
    let found = try Row.fetchOne(
      db.cachedStatement(sql: "SELECT id, length(body) FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"),
      arguments: [first, end])
    guard let found else { return (first, nil) }
    let (last, bytes): (Int64, Int) = (found[0], found[1])
    // The last number of all takes the rest, however long it gets.
    if bytes >= partBytes, last < end { return (last + 1, nil) }
    return (last, try body(of: last, db))
  }

  package static func store(_ number: Int64, _ body: [UInt8], _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO chunk(id, body) VALUES (?, ?)").execute(arguments: [number, Data(body)])
  }

  /// The newest span of the ring below `end` that has a row; nil where there is none.
  package static func span(ring: Int64, before end: Int64, _ db: GRDB.Database) throws -> Int64? {
    try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT max(id) FROM chunk WHERE id >= ? AND id < ?"), arguments: [number(ring, -half), number(ring, end)]
    ).map(span)
  }

  /// The spans of the ring in the range that have rows, in order.
  package static func spans(ring: Int64, in range: ClosedRange<Int64>, _ db: GRDB.Database) throws -> [Int64] {
    var spans: [Int64] = []
    let numbers = try Int64.fetchCursor(
      db.cachedStatement(sql: "SELECT id FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id"),
      arguments: [number(ring, range.lowerBound), number(ring, range.upperBound, part: 1 << partBits - 1)])
    while let number = try numbers.next() { if spans.last != span(number) { spans.append(span(number)) } }
    return spans
  }

  package static let everySpan = -half...(half - 1)

  /// Whether any row is of a span that begins before `t`, where a span begins.
  package static func hasRows(_ ring: Ring, before t: Int64, _ db: GRDB.Database) throws -> Bool {
    try span(ring: ring.id, before: ring.span(of: t), db) != nil
  }

  /// Lets go of the rows of spans that begin before `t`, where a span begins. Returns how many bytes they had.
  package static func expire(_ ring: Ring, before t: Int64, _ db: GRDB.Database) throws -> Int64 {
    let range: StatementArguments = [number(ring.id, -half), number(ring.id, ring.span(of: t) - 1, part: 1 << partBits - 1)]
    let freed =
      try Int64.fetchOne(db.cachedStatement(sql: "SELECT total(length(body)) FROM chunk WHERE id BETWEEN ? AND ?"), arguments: range) ?? 0
    try db.cachedStatement(sql: "DELETE FROM chunk WHERE id BETWEEN ? AND ?").execute(arguments: range)
    try db.cachedStatement(sql: "UPDATE ring SET bytes = bytes - ?, kept_from = max(ifnull(kept_from, ?), ?) WHERE id = ?")
      .execute(arguments: [freed, t, t, ring.id])
    return freed
  }

  /// Where the ring would begin if its oldest spans went, so many that `bytes` are freed; nil where nothing can go. The newest stays.
  package static func start(of ring: Ring, freeing bytes: Int64, _ db: GRDB.Database) throws -> Int64? {
    let rows = try Row.fetchAll(
      db.cachedStatement(sql: "SELECT id, length(body) FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 256"),
      arguments: [number(ring.id, -half), number(ring.id, half - 1, part: 1 << partBits - 1)])
    var freed: Int64 = 0
    var last: Int64?
    for row in rows {
      if freed >= bytes, span(row[0]) != last { return ring.range(of: span(row[0])).lowerBound }
      (freed, last) = (freed + row[1], span(row[0]))
    }
    return last.map { ring.range(of: $0).lowerBound }
  }
}
