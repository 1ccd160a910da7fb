import Database
import Foundation
package import GRDB
package import Readings

/// Reads and writes the outbox inside a transaction of the caller: enqueueing and marks in the one writer's, reading in any.
package enum OutboxTable {
  /// At most so many events wait for a sink: one more, and the oldest is dead.
  package static let waitingMax: Int64 = 200_000

  /// Gives each event to each sink whose filter it passes, under the sink's next sequence. Of an alert a sink gets everything from the first
  /// event on that its filter passes, and that one as `raised`. An event that is already there, and one that no sink wants, changes nothing.
  /// Returns what each sink got, for the caller to tell after the commit.
  ///
  /// `realNow` is the machine's wall clock, from which giving up counts.
  @discardableResult
  package static func enqueue(
    _ events: [EventRecord], to sinks: [SinkFilter], realNow: Timestamp, in db: GRDB.Database
  ) throws -> GivenDeliveries {
    var giving = OutboxGiving(realNow: realNow)
    for event in events {
      if let alert = event.alertEvent {
        try giving.give(event, of: alert, to: sinks, db)
      } else {
        try giving.give(event, to: sinks.filter { $0.passes(event) }.map(\.sink), db)
      }
    }
    try giving.save(db)
    return giving.given
  }

  private static let event = CheckedTable("event", ["id", "recorded_at", "site", "domain", "severity", "body"])
  private static let alertEvent = CheckedTable("event", ["id", "recorded_at", "site", "domain", "severity", "body", "alert"])

  static func insert(_ event: EventRecord, in db: GRDB.Database) throws -> Bool {
    let values: [(any DatabaseValueConvertible)?] = [
      event.id, event.recordedAt.milliseconds, event.site, event.domain, event.severity.map { Int64($0.rawValue) }, Data(event.body),
    ]
    guard let alert = event.alert else { return try self.event.insertIfNew(values, db) }
    return try alertEvent.insertIfNew(values + [alert], db)
  }

  /// The body of a row's event, which has its checksum as `event_checksum`.
  ///
  /// - Throws: `StoreError.damaged`.
  static func body(_ row: Row, of id: String) throws -> [UInt8] {
    guard try row.soundIfPresent("id") as String? != nil else { throw StoreError.damaged("event \(id) is gone") }
    let alert: String? = try row.soundIfPresent("alert")
    try (alert == nil ? event : alertEvent).verify(row, "event \(id)", checksum: "event_checksum")
    let body: Data = try row.sound("body")
    // Without a checksum, of old, this is all that can be said of it.
    if try row.soundIfPresent("event_checksum") as Int64? == nil, (try? JSONSerialization.jsonObject(with: body)) == nil {
      throw StoreError.damaged("event \(id) is not as it was written")
    }
    return [UInt8](body)
  }

  static func lastSequence(of sink: String, in db: GRDB.Database) throws -> Int64 {
    try Int64.fetchOne(db.cachedStatement(sql: "SELECT last_sequence FROM sink WHERE id = ?"), arguments: [sink])
      ?? Int64.fetchOne(db.cachedStatement(sql: "SELECT sequence FROM sequence_floor")) ?? 0
  }

  /// Records what became of attempts. A mark of a delivery that no longer waits changes nothing, so that marks may come twice; nor does
  /// one that calls damaged what can be read here: whoever read it may have read it from a disk that gives something else the second time.
  /// Returns the marks of events that expired, or were set aside as damaged, now: each is a loss to be told.
  ///
  /// `realNow` is the machine's wall clock.
  @discardableResult
  package static func apply(_ marks: [DeliveryMark], realNow: Timestamp, in db: GRDB.Database) throws -> [DeliveryMark] {
    var lost: [DeliveryMark] = []
    for mark in marks {
      switch mark.outcome {
      case .delivered:
        if try settle(mark, as: .delivered, error: nil, in: db) {
          try db.cachedStatement(sql: "UPDATE sink SET delivered = delivered + 1 WHERE id = ?").execute(arguments: [mark.sink])
        }
      case .dead(let reason, let error):
        if reason == .damaged, try !isDamaged(mark, db) { continue }
        if try settle(mark, as: .dead, error: "\(reason.rawValue): \(error)", in: db) {
          try countDead(1, of: mark.sink, at: realNow, db)
          if reason != .rejected { lost.append(mark) }
        }
      case .retryLater(let nextAt, let error):
        try change(mark, in: db) { ($0.nextAt, $0.lastError) = (nextAt, error) }
      case .stopped(let reason):
        try change(mark, in: db) { $0.lastError = reason }
        try db.cachedStatement(sql: "UPDATE sink SET stopped = ? WHERE id = ?").execute(arguments: [reason, mark.sink])
      }
    }
    return lost
  }

  private static func isDamaged(_ mark: DeliveryMark, _ db: GRDB.Database) throws -> Bool {
    if try DeliveryRow.find(sink: mark.sink, sequence: mark.sequence, db)?.isDamaged ?? false { return true }
    return try !waiting(sink: mark.sink, sequences: [mark.sequence], in: db).damaged.isEmpty
  }

  /// False where it does not wait.
  private static func settle(_ mark: DeliveryMark, as state: DeliveryRow.State, error: String?, in db: GRDB.Database) throws -> Bool {
    try change(mark, in: db) { delivery in
      delivery.state = state
      delivery.lastError = error ?? delivery.lastError
    }
  }

  /// So many more of a sink's deliveries are dead.
  static func countDead(_ count: Int, of sink: String, at realNow: Timestamp, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "UPDATE sink SET dead = dead + ?, dead_at = ? WHERE id = ?")
      .execute(arguments: [count, realNow.milliseconds, sink])
  }

  /// Changes a delivery that waits, and notes the attempts. False where it does not.
  @discardableResult
  private static func change(_ mark: DeliveryMark, in db: GRDB.Database, _ body: (inout DeliveryRow) -> Void) throws -> Bool {
    guard var delivery = try DeliveryRow.find(sink: mark.sink, sequence: mark.sequence, db), delivery.state == .waiting else {
      return false
    }
    delivery.attempts = mark.attempts
    body(&delivery)
    try delivery.replace(db)
    return true
  }

  /// What waits for a sink after a sequence, in order, at most `limit`.
  package static func waiting(sink: String, after sequence: Int64, limit: Int, in db: GRDB.Database) throws -> SinkBacklog {
    let stopped = try String.fetchOne(db.cachedStatement(sql: "SELECT stopped FROM sink WHERE id = ?"), arguments: [sink])
    guard stopped == nil else { return SinkBacklog(stopped: stopped, deliveries: []) }
    let statement = try db.cachedStatement(sql: "\(waitingRows) AND delivery.sequence > ? ORDER BY delivery.sequence LIMIT ?")
    let rows = try Row.fetchAll(statement, arguments: [sink, sequence, limit])
    return try backlog(rows)
  }

  /// Those of these deliveries to a sink that wait, in the order given.
  package static func waiting(sink: String, sequences: [Int64], in db: GRDB.Database) throws -> SinkBacklog {
    let statement = try db.cachedStatement(sql: "\(waitingRows) AND delivery.sequence = ?")
    return try backlog(try sequences.compactMap { sequence in try Row.fetchOne(statement, arguments: [sink, sequence]) })
  }

  /// What `DeliveryRow` and `body(_:of:)` read.
  static let columns =
    "delivery.*, event.id, recorded_at, site, domain, severity, body, alert, event.checksum AS event_checksum"

  /// By the index of what waits: without it a page goes through all that was ever delivered to the sink.
  private static let waitingRows = """
    SELECT \(columns) FROM delivery INDEXED BY delivery_waiting LEFT JOIN event ON event.id = delivery.event
    WHERE delivery.sink = ? AND delivery.state = 0
    """

  private static func backlog(_ rows: [Row]) throws -> SinkBacklog {
    var backlog = SinkBacklog(stopped: nil, deliveries: [])
    for row in rows {
      do { backlog.deliveries.append(try waitingDelivery(row)) } catch StoreError.damaged(let what) {
        backlog.damaged.append(DamagedDelivery(sequence: try row.sound("sequence"), what: what))
      }
    }
    return backlog
  }

  private static func waitingDelivery(_ row: Row) throws -> WaitingDelivery {
    let delivery = try DeliveryRow(row)
    guard delivery.state == .waiting else {
      throw StoreError.damaged("delivery \(delivery.sequence) to \(delivery.sink) waits by the index, and is \(delivery.state.name)")
    }
    return WaitingDelivery(
      sequence: delivery.sequence, event: delivery.event, alert: try row.soundIfPresent("alert"), body: try body(row, of: delivery.event),
      attempts: delivery.attempts, firstAt: delivery.firstAt, nextAt: delivery.nextAt)
  }

  /// The figures of every sink that ever got an event, by id. Of a damaged delivery, which is about to be set aside, they say nothing.
  package static func figures(in db: GRDB.Database) throws -> [SinkFigures] {
    let rows = try Row.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT sink.id, last_sequence, skipped, delivered, dead, dead_at, stopped, delivery.*,
            (SELECT min(first_at) FROM delivery INDEXED BY delivery_age WHERE delivery.sink = sink.id AND state = 0) AS oldest_at
          FROM sink LEFT JOIN delivery ON delivery.sink = sink.id AND delivery.sequence =
            (SELECT min(sequence) FROM delivery INDEXED BY delivery_waiting WHERE delivery.sink = sink.id AND state = 0)
          ORDER BY sink.id
          """))
    return try rows.map { row in
      let oldest = try? DeliveryRow(row)
      let (last, skipped): (Int64, Int64) = (try row.sound("last_sequence"), try row.sound("skipped"))
      return SinkFigures(
        sink: try row.sound("id"), created: last - skipped, lastSequence: last, delivered: try row.sound("delivered"),
        dead: try row.sound("dead"), newestDeadAt: plausibleTime(row, "dead_at"), stopped: try row.soundIfPresent("stopped"),
        oldestWaitingSince: plausibleTime(row, "oldest_at"), attemptsOfOldest: oldest?.attempts ?? 0, lastError: oldest?.lastError)
    }
  }

  private static func plausibleTime(_ row: Row, _ column: String) -> Timestamp? {
    (try? row.sound(column) as Int64).flatMap { Timestamp.plausible.contains($0) ? Timestamp(milliseconds: $0) : nil }
  }
}
