import Database
package import GRDB
package import Readings

/// What a sink has lost because its events waited too long or were too many: a stretch of its sequences, told by one gap event.
///
/// One gap event of this kind waits for a sink at a time. What is lost until the sink has taken it is told by the next, so that a sink
/// that is dead for weeks gets two and not one for each event. Where the gap event itself is lost its stretch stays, and is told again
/// once something else is lost or the sink takes something: by itself a gap event leads to no other.
///
/// As a row of `sink_loss`: `count` events of the sequences first to last, recorded between `from_at` and `to_at` (ms of the engine's
/// clock), are lost and were not taken as a gap. `told_sequence` is the gap event that waits, NULL where none does; it tells of
/// `told_count` of them, up to `told_last` and `told_to`.
package struct SinkLoss: Equatable, Sendable {
  package static let cause = "expired"
  /// So many are made dead in one commit, at most.
  static let overflowMax: Int64 = 10_000
  private static let table = CheckedTable(
    "sink_loss",
    [
      "sink", "count", "from_at", "to_at", "first_sequence", "last_sequence", "told_sequence", "told_count", "told_last", "told_to",
    ])

  private let sink: String
  private var count: Int64 = 0
  private var (from, to) = (Timestamp(milliseconds: 0), Timestamp(milliseconds: 0))
  private var (first, last) = (Int64(0), Int64(0))
  private var told: (sequence: Int64?, count: Int64, last: Int64, to: Timestamp) = (nil, 0, 0, Timestamp(milliseconds: 0))

  package static func == (a: SinkLoss, b: SinkLoss) -> Bool {
    (a.sink, a.count, a.from, a.to, a.first, a.last) == (b.sink, b.count, b.from, b.to, b.first, b.last) && a.told == b.told
  }

  private init(sink: String) { self.sink = sink }

  private init(_ row: Row) throws {
    sink = try row.sound("sink")
    let sink = sink
    try Self.table.verify(row, "what sink \(sink) has lost")
    func time(_ column: String) throws -> Timestamp { Timestamp(milliseconds: try row.sound(column)) }
    count = try row.sound("count")
    (from, to, first, last) = (try time("from_at"), try time("to_at"), try row.sound("first_sequence"), try row.sound("last_sequence"))
    told = (try row.soundIfPresent("told_sequence"), try row.sound("told_count"), try row.sound("told_last"), try time("told_to"))
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
  ///   - expired: of these, what `OutboxTable.apply` returned.
  /// - Returns: how many gap events were enqueued.
  @discardableResult
  package static func settle(_ marks: [DeliveryMark], expired: [DeliveryMark], at moment: Moment, in db: GRDB.Database) throws -> Int {
    let rows = try Row.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT id, sink.last_sequence - skipped - delivered - dead AS waiting, sink_loss.*
          FROM sink LEFT JOIN sink_loss ON sink_loss.sink = sink.id ORDER BY id
          """))
    var gaps = 0
    for row in rows {
      let (id, waiting): (String, Int64) = (try row.sound("id"), try row.sound("waiting"))
      let known = try (row.soundIfPresent("sink") as String?).map { _ in try SinkLoss(row) }
      let lost = expired.filter { $0.sink == id }
      if known == nil, lost.isEmpty, waiting <= moment.waitingMax { continue }
      var loss = known ?? SinkLoss(sink: id)
      for mark in lost { try loss.add(mark.sequence, db) }
      let isGapLost = loss.told.sequence.map { told in lost.contains { $0.sequence == told } } ?? false
      try loss.noteGap(db)
      let isDue = lost.count > (isGapLost ? 1 : 0) || marks.contains { $0.sink == id && $0.outcome == .delivered }
      let overflow = try loss.shed(waiting, isDue: isDue, moment, db)
      try loss.noteGap(db)
      if isDue || overflow > 0 { gaps += try loss.tell(moment, db) }
      if loss != known { try loss.save(db) }
    }
    return gaps
  }

  /// Makes the oldest of what waits dead, where too much does, or would with the gap event that is told of it.
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
    ).map(DeliveryRow.init)
    // The gap event that waits goes itself: one more makes room for another.
    if !rows.prefix(excess).contains(where: { $0.sequence == told.sequence }) { rows = Array(rows.prefix(excess)) }
    for var delivery in rows {
      delivery.state = .dead
      delivery.lastError = "\(DeadReason.expired.rawValue): more than \(moment.waitingMax) waited"
      try delivery.replace(db)
      try add(delivery.sequence, db)
    }
    try db.cachedStatement(sql: "UPDATE sink SET dead = dead + ? WHERE id = ?").execute(arguments: [rows.count, sink])
    return rows.count
  }

  private mutating func add(_ sequence: Int64, _ db: GRDB.Database) throws {
    let recorded = try Int64.fetchOne(
      db.cachedStatement(
        sql: "SELECT recorded_at FROM delivery JOIN event ON event.id = delivery.event WHERE delivery.sink = ? AND sequence = ?"),
      arguments: [sink, sequence])
    // A gap event is no loss of its own: what it told of is counted already.
    let isGap = sequence == told.sequence
    let at = recorded.map(Timestamp.init(milliseconds:)) ?? to
    (from, to) = first == 0 ? (at, at) : (min(from, at), max(to, at))
    (first, last) = first == 0 ? (sequence, sequence) : (min(first, sequence), max(last, sequence))
    if !isGap { count += 1 }
  }

  /// What became of the gap event that waited. One that the sink refuses was told all the same.
  private mutating func noteGap(_ db: GRDB.Database) throws {
    guard let sequence = told.sequence else { return }
    let delivery = try DeliveryRow.find(sink: sink, sequence: sequence, db)
    switch delivery?.state {
    case .waiting: return
    case .dead where delivery?.lastError?.hasPrefix(DeadReason.expired.rawValue) == true: told.sequence = nil
    case .delivered, .dead, nil:
      count -= told.count
      (first, from) = (told.last + 1, told.to)
      told = (nil, 0, 0, Timestamp(milliseconds: 0))
    }
  }

  private mutating func tell(_ moment: Moment, _ db: GRDB.Database) throws -> Int {
    guard count > 0, told.sequence == nil else { return 0 }
    let gap = GatewayEvent.gap(
      instance: moment.instance, cause: Self.cause, from: from, to: to, count: count,
      detail:
        "sink \(sink) did not take \(count) events of the sequences \(first) to \(last) in time; thuong outbox redrive sends them again",
      detectedAt: moment.clock)
    var giving = OutboxGiving(realNow: moment.realNow)
    guard try giving.give(gap, to: [sink], db) else { return 0 }
    try giving.save(db)
    told = (giving.last[sink], count, last, to)
    return 1
  }

  private func save(_ db: GRDB.Database) throws {
    if count == 0, told.sequence == nil {
      try db.cachedStatement(sql: "DELETE FROM sink_loss WHERE sink = ?").execute(arguments: [sink])
      return
    }
    let values: [(any DatabaseValueConvertible)?] = [
      sink, count, from.milliseconds, to.milliseconds, first, last, told.sequence, told.count, told.last, told.to.milliseconds,
    ]
    try Self.table.replace(values, db)
  }
}
