import Database
package import GRDB
package import Readings

/// What a sink has lost because its events waited too long, were too many, or are damaged: a stretch of its sequences, told by one gap
/// event.
///
/// One gap event of this kind waits for a sink at a time. What is lost until the sink has taken it is told by the next, so that a sink
/// that is dead for weeks gets two and not one for each event. Where the gap event itself expires its stretch stays, and is told again
/// once something else is lost or the sink takes something: by itself a gap event leads to no other.
///
/// As a row of `sink_loss`: `count` events of the sequences first to last, recorded between `from_at` and `to_at` (ms of the engine's
/// clock), are lost and were not taken as a gap, `damaged` of them because they were. `told_sequence` is the gap event that waits, NULL
/// where none does; it tells of `told_count` of them, up to `told_last` and `told_to`, of which `told_damaged` were damaged.
package struct SinkLoss: Equatable, Sendable {
  /// So many are made dead in one commit, at most.
  static let overflowMax: Int64 = 10_000
  private static let table = CheckedTable(
    "sink_loss",
    [
      "sink", "count", "from_at", "to_at", "first_sequence", "last_sequence", "told_sequence", "told_count", "told_last", "told_to",
      "damaged", "told_damaged",
    ])

  private let sink: String
  private var count: Int64 = 0
  private var damaged: Int64 = 0
  private var (from, to) = (Timestamp(milliseconds: 0), Timestamp(milliseconds: 0))
  private var (first, last) = (Int64(0), Int64(0))
  private var told = Told()

  /// The gap event that waits, and what it tells of.
  private struct Told: Equatable {
    var sequence: Int64?
    var count: Int64 = 0
    var damaged: Int64 = 0
    var last: Int64 = 0
    var to = Timestamp(milliseconds: 0)
  }

  package static func == (a: SinkLoss, b: SinkLoss) -> Bool {
    (a.sink, a.count, a.damaged, a.told) == (b.sink, b.count, b.damaged, b.told)
      && (a.from, a.to, a.first, a.last) == (b.from, b.to, b.first, b.last)
  }

  private init(sink: String) { self.sink = sink }

  /// In place of a row that is damaged: everything that is dead for its sink and was not refused, told already or not. A loss told twice is
  /// better than one not told.
  private init(remade sink: String, at clock: Timestamp, _ db: GRDB.Database) throws {
    self.init(sink: sink)
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT count(*) AS count, count(nullif(last_error GLOB '\(DeadReason.damaged.rawValue)*', 0)) AS damaged,
          coalesce(min(sequence), 0) AS first, coalesce(max(sequence), 0) AS last, min(recorded_at) AS from_at, max(recorded_at) AS to_at
        FROM delivery INDEXED BY delivery_dead LEFT JOIN event
          ON event.id = delivery.event AND typeof(recorded_at) = 'integer' AND recorded_at BETWEEN ? AND ?
        WHERE delivery.sink = ? AND state = 2
          AND (last_error GLOB '\(DeadReason.expired.rawValue)*' OR last_error GLOB '\(DeadReason.damaged.rawValue)*')
        """, arguments: [Timestamp.plausible.lowerBound, Timestamp.plausible.upperBound, sink])
    guard let row else { return }
    (count, damaged, first, last) = (try row.sound("count"), try row.sound("damaged"), try row.sound("first"), try row.sound("last"))
    from = try row.soundIfPresent("from_at").map { Timestamp(milliseconds: $0) } ?? clock
    to = try row.soundIfPresent("to_at").map { Timestamp(milliseconds: $0) } ?? clock
  }

  private init(_ row: Row) throws {
    sink = try row.sound("sink")
    let sink = sink
    try Self.table.verify(row, "what sink \(sink) has lost")
    func time(_ column: String) throws -> Timestamp { Timestamp(milliseconds: try row.sound(column)) }
    count = try row.sound("count")
    (from, to, first, last) = (try time("from_at"), try time("to_at"), try row.sound("first_sequence"), try row.sound("last_sequence"))
    damaged = try row.sound("damaged")
    told = Told(
      sequence: try row.soundIfPresent("told_sequence"), count: try row.sound("told_count"), damaged: try row.sound("told_damaged"),
      last: try row.sound("told_last"), to: try time("told_to"))
  }

  /// Rows that are not as they were written, in words.
  static func damage(_ db: GRDB.Database) throws -> [String] {
    try Row.fetchAll(db, sql: "SELECT * FROM sink_loss ORDER BY sink").compactMap { row in
      do { _ = try SinkLoss(row) } catch StoreError.damaged(let what) { return what }
      return nil
    }
  }

  /// Damaged rows are made anew; of one that does not say whose it was any more, for every sink that has none.
  static func mend(at clock: Timestamp, _ db: GRDB.Database) throws {
    let damaged = try Row.fetchAll(db, sql: "SELECT * FROM sink_loss").filter { (try? SinkLoss($0)) == nil }
    let sinks = damaged.isEmpty ? [] : try String.fetchAll(db, sql: "SELECT id FROM sink ORDER BY id")
    for row in damaged {
      let place: DatabaseValue = row["sink"]
      try db.execute(sql: "DELETE FROM sink_loss WHERE sink IS ?", arguments: [place])
      let proven = sinks.filter { table.isSound(row, with: $0, in: "sink") || $0.databaseValue == place }
      for sink in proven.isEmpty ? sinks : proven {
        guard try Row.fetchOne(db, sql: "SELECT 1 FROM sink_loss WHERE sink = ?", arguments: [sink]) == nil else { continue }
        try SinkLoss(remade: sink, at: clock, db).save(db)
      }
    }
  }

  // MARK: In a commit

  /// When and for whom a commit happens.
  package struct Moment: Sendable {
    package var instance: String
    /// The engine's clock.
    package var clock: Timestamp
    /// The machine's.
    package var realNow: Timestamp
    /// So many events may wait for a sink.
    package var waitingMax: Int64

    package init(instance: String, clock: Timestamp, realNow: Timestamp, waitingMax: Int64 = OutboxTable.waitingMax) {
      (self.instance, self.clock, self.realNow, self.waitingMax) = (instance, clock, realNow, waitingMax)
    }
  }

  /// Keeps every sink's queue within its bound, and tells each of what it has lost. To be called at the end of a commit, when events are
  /// enqueued and marks applied.
  ///
  /// - Parameters:
  ///   - marks: those of this commit.
  ///   - lost: of these, what `OutboxTable.apply` returned.
  /// - Returns: the causes of the gap events that were enqueued, one each, and what that gave to sinks.
  @discardableResult
  package static func settle(
    _ marks: [DeliveryMark], lost: [DeliveryMark], at moment: Moment, in db: GRDB.Database
  ) throws -> (causes: [String], given: GivenDeliveries) {
    let rows = try Row.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT id, sink.last_sequence - skipped - delivered - dead AS waiting, sink_loss.*
          FROM sink LEFT JOIN sink_loss ON sink_loss.sink = sink.id ORDER BY id
          """))
    var (causes, given): ([String], GivenDeliveries) = ([], [:])
    for row in rows {
      let (id, waiting): (String, Int64) = (try row.sound("id"), try row.sound("waiting"))
      let isKnown = try row.soundIfPresent("sink") as String? != nil
      let known = isKnown ? (try? SinkLoss(row)) : nil
      let lost = lost.filter { $0.sink == id }
      if !isKnown, lost.isEmpty, waiting <= moment.waitingMax { continue }
      var loss = known ?? SinkLoss(sink: id)
      if isKnown, known == nil {
        loss = try SinkLoss(remade: id, at: moment.clock, db)  // those that are lost now are among them
      } else {
        for mark in lost { try loss.add(mark.sequence, isDamaged: mark.isDamage, moment, db) }
      }
      let isGapLost = loss.told.sequence.map { told in lost.contains { $0.sequence == told && !$0.isDamage } } ?? false
      try loss.noteGap(db)
      let isDue = lost.count > (isGapLost ? 1 : 0) || marks.contains { $0.sink == id && $0.outcome == .delivered }
      let overflow = try loss.shed(waiting, isDue: isDue, moment, db)
      try loss.noteGap(db)
      if isDue || overflow > 0, let gap = try loss.tell(moment, db) {
        causes.append(gap.cause)
        given.merge(gap.given) { $0 + $1 }
      }
      if loss != known { try loss.save(db) }
    }
    return (causes, given)
  }

  /// Makes the oldest of what waits dead, where too much does, or would with the gap event that is told of it.
  ///
  /// One that a worker has in memory may still be sent and taken after that: it stays dead here, and the receiver has one more than it
  /// was told.
  ///
  /// - Parameter isDue: a gap event is told anyway, where there is something to tell.
  /// - Returns: how many.
  private mutating func shed(_ waiting: Int64, isDue: Bool, _ moment: Moment, _ db: GRDB.Database) throws -> Int {
    let tells = isDue && count > 0 && told.sequence == nil
    var excess = Int(min(waiting - moment.waitingMax + (tells ? 1 : 0), Self.overflowMax))
    guard excess > 0 else { return 0 }
    if told.sequence == nil, !tells { excess += 1 }
    var rows = try Row.fetchAll(
      db.cachedStatement(
        sql: "SELECT * FROM delivery INDEXED BY delivery_waiting WHERE sink = ? AND state = 0 ORDER BY sequence LIMIT ?"),
      arguments: [sink, excess + 1]
    ).map { row in
      try (try? DeliveryRow(row)) ?? DeliveryRow(remains: row, sink: sink, sequence: row.sound("sequence"), state: .waiting)
    }
    // The gap event that waits goes itself: one more makes room for another.
    if !rows.prefix(excess).contains(where: { $0.sequence == told.sequence }) { rows = Array(rows.prefix(excess)) }
    for var delivery in rows {
      delivery.state = .dead
      delivery.lastError = "\(DeadReason.expired.rawValue): more than \(moment.waitingMax) waited"
      try delivery.replace(db)
      try add(delivery.sequence, isDamaged: false, moment, db)
    }
    try OutboxTable.countDead(rows.count, of: sink, at: moment.realNow, db)
    return rows.count
  }

  private mutating func add(_ sequence: Int64, isDamaged: Bool, _ moment: Moment, _ db: GRDB.Database) throws {
    let at = try recordedAt(sequence, isDamaged: isDamaged, db) ?? (first == 0 ? moment.clock : to)
    (from, to) = first == 0 ? (at, at) : (min(from, at), max(to, at))
    (first, last) = first == 0 ? (sequence, sequence) : (min(first, sequence), max(last, sequence))
    // A gap event is no loss of its own: what it told of is counted already.
    if sequence == told.sequence { return }
    count += 1
    if isDamaged { damaged += 1 }
  }

  /// When the event of a delivery was recorded; nil where that cannot be relied on.
  private func recordedAt(_ sequence: Int64, isDamaged: Bool, _ db: GRDB.Database) throws -> Timestamp? {
    let row = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT event.id, recorded_at, site, domain, severity, \(isDamaged ? "body" : "NULL AS body"), alert,
            event.checksum AS event_checksum
          FROM delivery JOIN event ON event.id = delivery.event WHERE delivery.sink = ? AND sequence = ?
          """), arguments: [sink, sequence])
    guard let row, let at = try? row.sound("recorded_at") as Int64, Timestamp.plausible.contains(at) else { return nil }
    if isDamaged, (try? OutboxTable.body(row, of: row.sound("id"))) == nil { return nil }
    return Timestamp(milliseconds: at)
  }

  /// What became of the gap event that waited. One that the sink refuses was told all the same.
  private mutating func noteGap(_ db: GRDB.Database) throws {
    guard let sequence = told.sequence else { return }
    let delivery = try DeliveryRow.find(sink: sink, sequence: sequence, db)
    switch (delivery?.state, delivery?.deadReason) {
    case (.waiting, _): return
    case (.dead, .expired), (.dead, .damaged): told.sequence = nil
    case (.delivered, _), (.dead, _), (nil, _):
      (count, damaged) = (count - told.count, damaged - told.damaged)
      (first, from) = (told.last + 1, told.to)
      told = Told()
    }
  }

  /// - Returns: the cause, and what the sink was given; nil where there is nothing to tell, or what there is waits already.
  private mutating func tell(_ moment: Moment, _ db: GRDB.Database) throws -> (cause: String, given: GivenDeliveries)? {
    guard count > 0, told.sequence == nil else { return nil }
    let sequence = try OutboxTable.lastSequence(of: sink, in: db) + 1
    let cause = damaged == count ? DeadReason.damaged.rawValue : DeadReason.expired.rawValue
    // The same stretch may be lost again after it was redriven.
    let gap = GatewayEvent.gap(
      instance: moment.instance, cause: cause, from: from, to: to, count: count, detail: detail, detectedAt: moment.clock,
      number: sequence)
    var giving = OutboxGiving(realNow: moment.realNow)
    guard try giving.give(gap, to: [sink], db) else { return nil }
    try giving.save(db)
    told = Told(sequence: sequence, count: count, damaged: damaged, last: last, to: to)
    return (cause, giving.given)
  }

  private var detail: String {
    let stretch = "\(count) events of the sequences \(first) to \(last)"
    if damaged == count {
      return "\(stretch) for sink \(sink) are damaged in the store and were not sent; thuong outbox list --state dead names them"
    }
    let some = damaged > 0 ? ", \(damaged) of them because they are damaged in the store" : ""
    return "sink \(sink) did not take \(stretch) in time\(some); thuong outbox redrive sends them again"
  }

  private func save(_ db: GRDB.Database) throws {
    if count == 0, told.sequence == nil {
      try db.cachedStatement(sql: "DELETE FROM sink_loss WHERE sink = ?").execute(arguments: [sink])
      return
    }
    let values: [(any DatabaseValueConvertible)?] = [
      sink, count, from.milliseconds, to.milliseconds, first, last, told.sequence, told.count, told.last, told.to.milliseconds,
      damaged, told.damaged,
    ]
    try Self.table.replace(values, db)
  }
}
