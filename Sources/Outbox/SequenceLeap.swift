import Database
package import GRDB
package import Readings

/// The sequences that an outbox has given, as far as it knows; what another one needs that takes its place.
package struct GivenSequences: Sendable {
  /// By sink: that of its newest event.
  package var last: [String: Int64] = [:]
  /// See `OutboxSchema`.
  package var floor: Int64 = 0
  /// By sink: its newest delivery.
  fileprivate var newest: [String: (sequence: Int64, event: String)] = [:]

  package init(_ db: GRDB.Database) throws {
    for row in try Row.fetchAll(db, sql: "SELECT id, last_sequence FROM sink") {
      let sink: String = try row.sound("id")
      last[sink] = try row.sound("last_sequence")
      let delivery = try Row.fetchOne(
        db, sql: "SELECT sequence, event FROM delivery WHERE sink = ? ORDER BY sequence DESC LIMIT 1", arguments: [sink])
      if let delivery { newest[sink] = (try delivery.sound("sequence"), try delivery.sound("event")) }
    }
    // An outbox of an older format has none.
    if try db.tableExists("sequence_floor") { floor = try Int64.fetchOne(db, sql: "SELECT sequence FROM sequence_floor") ?? 0 }
  }

  /// Whether the outbox in `db` went on from this one: it has what was this one's newest delivery to each sink.
  ///
  /// - Returns: false also where this one had no deliveries.
  package func isContinued(by later: GivenSequences, in db: GRDB.Database) throws -> Bool {
    for (sink, newest) in newest {
      let event = try String.fetchOne(
        db, sql: "SELECT event FROM delivery WHERE sink = ? AND sequence = ?", arguments: [sink, newest.sequence])
      guard event == newest.event, later.last[sink] ?? 0 >= last[sink] ?? 0 else { return false }
    }
    return !newest.isEmpty
  }
}

/// After a restore no sequence may be given to an event that another event had before.
///
/// Events that were made after the backup had the sequences behind the backup's. Where the store that is replaced went on from the backup,
/// it knows them all, and the next event gets the next one. Where it cannot be read, or is another, nobody knows: every sink then goes on
/// 10,000,000 beyond all that is known, the events of a hundred days at one a second, and at the number of seconds since 1970 at least: the
/// same backup may be restored again. What is passed over is counted as skipped, and the gap that is told of the restore names the numbers. Deliveries that wait keep their sequence and id.
package enum SequenceLeap {
  package static let leap: Int64 = 10_000_000

  /// Raises the sequences of a restored outbox.
  ///
  /// - Parameter later: of the outbox that went on from it; nil where there is none that did.
  /// - Parameter known: other sequences that were given.
  /// - Parameter now: the wall clock.
  /// - Returns: in words, from where to where.
  package static func raise(beyond later: GivenSequences?, known: GivenSequences? = nil, now: Timestamp, in db: GRDB.Database) throws
    -> String
  {
    let own = try GivenSequences(db)
    let others = later ?? known
    let sinks = Set(own.last.keys).union(others?.last.keys.map { $0 } ?? []).sorted()
    var floor = max(own.floor, others?.floor ?? 0)
    if later == nil {
      let known = sinks.map { max(own.last[$0] ?? 0, others?.last[$0] ?? 0) } + [floor]
      floor = max((known.max() ?? 0) + leap, now.milliseconds / 1000)
    }
    var told: [String] = []
    for sink in sinks {
      let next = later == nil ? floor : max(own.last[sink] ?? own.floor, others?.last[sink] ?? 0)
      try set(sink, next, in: db)
      told.append("\(sink) after \(next) (the backup: \(own.last[sink] ?? 0))")
    }
    if floor > 0 {
      try db.execute(sql: "INSERT OR REPLACE INTO sequence_floor (id, sequence) VALUES (1, ?)", arguments: [floor])
      told.append("new sinks after \(floor)")
    }
    return told.joined(separator: ", ")
  }

  private static func set(_ sink: String, _ sequence: Int64, in db: GRDB.Database) throws {
    try db.execute(
      sql: """
        INSERT INTO sink (id, last_sequence, skipped) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET skipped = skipped + (excluded.last_sequence - last_sequence), last_sequence = excluded.last_sequence
        """, arguments: [sink, sequence, sequence])
  }
}
