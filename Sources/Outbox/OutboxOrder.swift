import Database
package import GRDB
package import Readings

/// What an operator wants of the outbox. Each is done whole in one transaction, or not at all.
///
/// A redriven event waits again under its own sequence, id and body: the sequence names the event, so that a receiver that missed it sees
/// its gap closed, no number is given twice, and of one alert what waits stays in order. Its time to be given up begins anew.
package enum OutboxOrder: Equatable, Sendable {
  /// The dead letters of one event: at one sink, or at every sink that has one.
  case redrive(event: String, sink: String?)
  /// A sink's dead letters after a sequence, of events recorded at `since` or later; at most `redriveMax`, and no more than may wait.
  case redriveDead(sink: String, since: Timestamp?, after: Int64)
  /// A sink that was stopped goes on; so does one that is held up, by a pause that its IOC asked for or by delays after failures.
  case resume(sink: String)

  /// So that no commit takes long.
  package static let redriveMax = 1000
}

/// What became of an order.
package enum OutboxAnswer: Equatable, Sendable {
  /// So many wait again. `next`: there may be more after that sequence.
  case redriven(count: Int, next: Int64?)
  /// The sink goes on, for which so many wait. `was`: why it had stopped, or was held up.
  case resumed(waiting: Int64, was: String)
  /// Nothing has changed.
  case refused(OutboxRefusal)
}

/// Why an order is refused.
package enum OutboxRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case unknownEvent(String)
  /// It is delivered, or waits already.
  case notDead(String)
  case unknownSink(String)
  case notStopped(String)
  /// As many wait for the sink as may.
  case full(sink: String, most: Int64)
  case damaged(String)

  package var description: String {
    switch self {
    case .unknownEvent(let id): "no event of the id \(id) is kept"
    case .notDead(let id): "event \(id) is no dead letter: it was delivered, or waits already"
    case .unknownSink(let id): "no event was ever for a sink of the id \(id)"
    case .notStopped(let id): "sink \(id) is not stopped, and nothing of it is held up"
    case .full(let sink, let most): "\(most) events wait for sink \(sink) already, the most there may be"
    case .damaged(let what): what
    }
  }
}

extension OutboxTable {
  /// Does an order. The caller notifies the delivery after the commit.
  ///
  /// - Parameters:
  ///   - realNow: the wall clock.
  ///   - most: so many may wait for a sink.
  package static func obey(
    _ order: OutboxOrder, realNow: Timestamp, most: Int64 = waitingMax, in db: GRDB.Database
  ) throws -> OutboxAnswer {
    do {
      switch order {
      case .redrive(let event, let sink): return try redrive(event, sink, realNow, most, db)
      case .redriveDead(let sink, let since, let after): return try redriveDead(sink, since, after, realNow, most, db)
      case .resume(let sink): return try resume(sink, realNow, db)
      }
    } catch StoreError.damaged(let what) {
      return .refused(.damaged(what))  // everything is read before anything is written
    }
  }

  private static func resume(_ sink: String, _ realNow: Timestamp, _ db: GRDB.Database) throws -> OutboxAnswer {
    guard let figures = try figures(in: db).first(where: { $0.sink == sink }) else { return .refused(.unknownSink(sink)) }
    let held = try Row.fetchAll(
      db,
      sql: """
        SELECT * FROM delivery INDEXED BY delivery_waiting WHERE sink = ? AND state = 0 AND next_at > ? ORDER BY sequence LIMIT ?
        """, arguments: [sink, realNow.milliseconds, heldMax]
    ).compactMap { try? DeliveryRow($0) }
    guard let was = figures.stopped ?? held.first.map({ $0.lastError ?? "" }) else { return .refused(.notStopped(sink)) }
    try db.execute(sql: "UPDATE sink SET stopped = NULL WHERE id = ?", arguments: [sink])
    for var delivery in held {
      delivery.nextAt = realNow
      try delivery.replace(db)
    }
    return .resumed(waiting: figures.waiting, was: was)
  }

  /// So many are held up no longer by one order, the oldest: with more, the rest waits for its time, minutes at most.
  private static let heldMax = 1_000

  private static func redrive(
    _ event: String, _ sink: String?, _ realNow: Timestamp, _ most: Int64, _ db: GRDB.Database
  ) throws -> OutboxAnswer {
    let rows = try Row.fetchAll(db, sql: "SELECT * FROM delivery WHERE event = ? ORDER BY sink", arguments: [event])
    guard !rows.isEmpty else { return .refused(.unknownEvent(event)) }
    // One that is damaged keeps none of the others from being sent again.
    let all = rows.compactMap { try? DeliveryRow($0) }
    let dead = all.filter { $0.state == .dead && ($0.sink == sink || sink == nil) }
    guard !dead.isEmpty else {
      let damage = OutboxRefusal.damaged("a delivery of event \(event) is not as it was written")
      return .refused(all.count < rows.count ? damage : .notDead(event))
    }
    let row = try Row.fetchOne(
      db, sql: "SELECT \(columns) FROM delivery LEFT JOIN event ON event.id = delivery.event WHERE delivery.event = ?", arguments: [event])
    _ = try row.map { try body($0, of: event) }  // what is damaged stays dead
    for delivery in dead {
      if try room(for: delivery.sink, most, db) < 1 { return .refused(.full(sink: delivery.sink, most: most)) }
    }
    try wake(dead, realNow, db)
    return .redriven(count: dead.count, next: nil)
  }

  private static func redriveDead(
    _ sink: String, _ since: Timestamp?, _ after: Int64, _ realNow: Timestamp, _ most: Int64, _ db: GRDB.Database
  ) throws -> OutboxAnswer {
    guard try Row.fetchOne(db, sql: "SELECT 1 FROM sink WHERE id = ?", arguments: [sink]) != nil else {
      return .refused(.unknownSink(sink))
    }
    let room = try room(for: sink, most, db)
    guard room > 0 else { return .refused(.full(sink: sink, most: most)) }
    let limit = min(room, Int64(OutboxOrder.redriveMax))
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT \(columns) FROM delivery INDEXED BY delivery_dead JOIN event ON event.id = delivery.event
        WHERE delivery.sink = ? AND sequence > ? AND state = 2 AND recorded_at >= ? ORDER BY sequence LIMIT ?
        """, arguments: [sink, after, since?.milliseconds ?? .min, limit])
    // What is damaged stays dead.
    let dead = rows.compactMap { row -> DeliveryRow? in
      guard let delivery = try? DeliveryRow(row), (try? body(row, of: delivery.event)) != nil else { return nil }
      return delivery
    }
    try wake(dead, realNow, db)
    return .redriven(count: dead.count, next: rows.count == Int(limit) ? try rows.last?.sound("sequence") : nil)
  }

  private static func room(for sink: String, _ most: Int64, _ db: GRDB.Database) throws -> Int64 {
    try Int64.fetchOne(db, sql: "SELECT ? - (last_sequence - skipped - delivered - dead) FROM sink WHERE id = ?", arguments: [most, sink])
      ?? 0
  }

  private static func wake(_ dead: [DeliveryRow], _ realNow: Timestamp, _ db: GRDB.Database) throws {
    for var delivery in dead {
      (delivery.state, delivery.attempts, delivery.lastError) = (.waiting, 0, nil)
      (delivery.firstAt, delivery.nextAt) = (realNow, realNow)
      try delivery.replace(db)
      try db.cachedStatement(sql: "UPDATE sink SET dead = dead - 1 WHERE id = ?").execute(arguments: [delivery.sink])
    }
  }
}
