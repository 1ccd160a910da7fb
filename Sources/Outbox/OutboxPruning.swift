import Database
package import GRDB
package import Readings

/// A delivery whose time is over. `event` is empty where it cannot be read.
package struct OldDelivery: Sendable {
  fileprivate var sink: String
  fileprivate var sequence: Int64
  fileprivate var event: String
}

extension OutboxTable {
  /// What was delivered and dead letters whose time is over, at most `limit`, the oldest first.
  ///
  /// What waits stays, and each sink's newest delivery: by it a restore knows whether a store went on from its backup. Counters and
  /// sequences count on. A delivery's time is that of its commit or redrive, or of its event where that is later: a machine that began
  /// with a wrong clock makes nothing old.
  package static func old(
    deliveredBefore: Timestamp, deadBefore: Timestamp, limit: Int, in db: GRDB.Database
  ) throws -> [OldDelivery] {
    var old: [OldDelivery] = []
    for row in try Row.fetchAll(db, sql: "SELECT id, last_sequence FROM sink ORDER BY id") {
      let (sink, last): (String, Int64) = (try row.sound("id"), try row.sound("last_sequence"))
      for (state, before) in [(DeliveryState.delivered, deliveredBefore), (.dead, deadBefore)] where old.count < limit {
        old += try Row.fetchAll(
          db,
          sql: """
            SELECT sequence, event FROM delivery INDEXED BY delivery_age
            WHERE state = ? AND sink = ? AND first_at < ? AND sequence < ?
              AND coalesce((SELECT recorded_at FROM event WHERE id = delivery.event), 0) < ?
            ORDER BY first_at LIMIT ?
            """,
          arguments: [state.rawValue, sink, before.milliseconds, last, before.milliseconds, limit - old.count]
        ).map { row in OldDelivery(sink: sink, sequence: try row.sound("sequence"), event: (try? row.sound("event")) ?? "") }
      }
    }
    return old
  }

  /// Lets go of deliveries, and of events that nobody refers to any more.
  package static func remove(_ deliveries: [OldDelivery], in db: GRDB.Database) throws {
    for old in deliveries {
      try db.cachedStatement(sql: "DELETE FROM delivery WHERE sink = ? AND sequence = ?").execute(arguments: [old.sink, old.sequence])
      try db.cachedStatement(sql: "DELETE FROM event WHERE id = ? AND NOT EXISTS (SELECT 1 FROM delivery WHERE event = ?)")
        .execute(arguments: [old.event, old.event])
    }
  }

  /// Sinks that have come into the configuration or gone out of it since that was last noted.
  package static func moved(configured: Set<String>, in db: GRDB.Database) throws -> [String] {
    try Row.fetchAll(db, sql: "SELECT id, gone_since FROM sink").compactMap { row in
      let (id, since): (String, Int64?) = (try row.sound("id"), try row.soundIfPresent("gone_since"))
      return configured.contains(id) == (since == nil) ? nil : id
    }
  }

  /// Notes of sinks that `moved` since when they are not configured.
  package static func note(_ moved: [String], configured: Set<String>, at now: Timestamp, in db: GRDB.Database) throws {
    for id in moved {
      try db.execute(
        sql: "UPDATE sink SET gone_since = ? WHERE id = ?", arguments: [configured.contains(id) ? nil : now.milliseconds, id])
    }
  }

  /// What waits for sinks that are not among these, and have not been for as long: committed or redriven at `firstAt` or before, as marks
  /// that give it up, which is what their workers would do; at most `limit`.
  package static func overdue(
    except configured: Set<String>, firstAt last: Timestamp, limit: Int, in db: GRDB.Database
  ) throws -> [DeliveryMark] {
    var marks: [DeliveryMark] = []
    let gone = try String.fetchAll(db, sql: "SELECT id FROM sink WHERE gone_since <= ? ORDER BY id", arguments: [last.milliseconds])
    for sink in gone where !configured.contains(sink) {
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT sequence, attempts FROM delivery INDEXED BY delivery_age
          WHERE state = 0 AND sink = ? AND first_at <= ? ORDER BY first_at LIMIT ?
          """, arguments: [sink, last.milliseconds, limit - marks.count])
      marks += try rows.map { row in
        DeliveryMark(
          sink: sink, sequence: try row.sound("sequence"), attempts: (try? row.sound("attempts")) ?? 0,
          outcome: .dead(.expired, error: "the sink is not configured"))
      }
    }
    return marks
  }

  /// Alerts that are let go of were told to nobody any longer.
  package static func forget(alerts: [String], in db: GRDB.Database) throws {
    for alert in alerts { try ToldTable.remove(alert: alert, db) }
  }
}
