import Database
package import GRDB
package import Readings

extension OutboxTable {
  /// Lets go of what was delivered and of dead letters whose time is over, the oldest first, and of events that nobody refers to any more.
  ///
  /// What waits stays, and each sink's newest delivery: by it a restore knows whether a store went on from its backup. Counters and
  /// sequences count on. A delivery's time is that of its commit or redrive, or of its event where that is later: a machine that began
  /// with a wrong clock makes nothing old.
  ///
  /// - Parameter limit: at most so many deliveries go.
  /// - Returns: how many went.
  package static func prune(deliveredBefore: Timestamp, deadBefore: Timestamp, limit: Int, in db: GRDB.Database) throws -> Int {
    var left = limit
    for sink in try Row.fetchAll(db, sql: "SELECT id, last_sequence FROM sink ORDER BY id") {
      for (state, before) in [(DeliveryState.delivered, deliveredBefore), (.dead, deadBefore)] where left > 0 {
        let rows = try Row.fetchAll(
          db,
          sql: """
            SELECT sequence, event FROM delivery INDEXED BY delivery_age
            WHERE state = ? AND sink = ? AND first_at < ? AND sequence < ?
              AND coalesce((SELECT recorded_at FROM event WHERE id = delivery.event), 0) < ?
            ORDER BY first_at LIMIT ?
            """,
          arguments: [
            state.rawValue, try sink.sound("id") as String, before.milliseconds, try sink.sound("last_sequence") as Int64,
            before.milliseconds, left,
          ])
        for row in rows { try remove(row, of: try sink.sound("id"), db) }
        left -= rows.count
      }
    }
    return limit - left
  }

  private static func remove(_ row: Row, of sink: String, _ db: GRDB.Database) throws {
    let (sequence, event): (Int64, String) = (try row.sound("sequence"), (try? row.sound("event")) ?? "")
    try db.cachedStatement(sql: "DELETE FROM delivery WHERE sink = ? AND sequence = ?").execute(arguments: [sink, sequence])
    try db.cachedStatement(sql: "DELETE FROM event WHERE id = ? AND NOT EXISTS (SELECT 1 FROM delivery WHERE event = ?)")
      .execute(arguments: [event, event])
  }

  /// Notes since when sinks are not configured.
  package static func note(configured: Set<String>, at now: Timestamp, in db: GRDB.Database) throws {
    for row in try Row.fetchAll(db, sql: "SELECT id, gone_since FROM sink") {
      let (id, since): (String, Int64?) = (try row.sound("id"), try row.soundIfPresent("gone_since"))
      if configured.contains(id) == (since == nil) { continue }
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
