import Alerting
import Database
import Outbox
package import Readings

/// How long what happened is kept: alerts and dead letters since their end, what was delivered since its commit.
package struct RecordRetention: Equatable, Sendable {
  package var alerts: Milliseconds = 5 * 365 * 86_400_000
  package var delivered: Milliseconds = 30 * 86_400_000
  package init() {}
}

/// When the next step of pruning is due, by the engine's clock.
struct PruningPace: Equatable, Sendable {
  /// So many rows go in one commit.
  static let rowsMax = 500
  /// While there is more to go, and when there is not.
  static let (busy, idle): (Milliseconds, Milliseconds) = (1_000, 600_000)

  private var nextAt: Timestamp?

  func isDue(_ clock: Timestamp) -> Bool { nextAt.map { clock >= $0 || $0 - clock > Self.idle } ?? true }

  mutating func took(_ rows: Int, at clock: Timestamp) { nextAt = clock + (rows < Self.rowsMax ? Self.idle : Self.busy) }
}

/// Alerts and events that are kept for long enough go, a few at a time between batches: never what is open, or waits.
extension GatewayStore {
  /// To be called between batches. A clock that may be wrong lets nothing go, and one that is ahead of all that was ever heard no more than
  /// the newest reading would; see `expired`.
  ///
  /// - Throws: as `commit`.
  func prune(_ engine: Engine, realNow: Timestamp) throws(StoreError) {
    guard let retention = recordRetention, let clock = engine.clock, !engine.isDoubtful, pruning.isDue(clock) else { return }
    guard let newest = newest(engine) else { return pruning.took(0, at: clock) }
    let now = min(clock, Timestamp(milliseconds: newest))
    var rows = 0
    do throws(StoreError) {
      rows = try giveUpUnconfigured(engine, at: min(realNow, now), realNow)
      rows += try letGo(deliveredBefore: now - retention.delivered, endedBefore: now - retention.alerts, most: PruningPace.rowsMax - rows)
    } catch {
      if error != .full { throw error }
    }
    pruning.took(rows, at: clock)
  }

  /// - Parameter ended: alerts and dead letters.
  /// - Returns: how many deliveries and alerts went. Where there are none nothing is written, and nobody's writing waited for.
  private func letGo(deliveredBefore: Timestamp, endedBefore ended: Timestamp, most: Int) throws(StoreError) -> Int {
    let (deliveries, alerts) = try reading { db in
      let old = try OutboxTable.old(deliveredBefore: deliveredBefore, deadBefore: ended, limit: most, in: db)
      return (old, try AlertTable.old(clearedBefore: ended, limit: most - old.count, db))
    }
    if deliveries.isEmpty && alerts.isEmpty { return 0 }
    try file.commit { db in
      try OutboxTable.remove(deliveries, in: db)
      try AlertTable.remove(alerts, db)
      try OutboxTable.forget(alerts: alerts, in: db)
    }
    return deliveries.count + alerts.count
  }

  /// Gives up what has waited for long enough for sinks that have not been configured for as long, as their workers would, and tells of the loss.
  ///
  /// - Returns: how many events.
  private func giveUpUnconfigured(_ engine: Engine, at now: Timestamp, _ realNow: Timestamp) throws(StoreError) -> Int {
    let configured = Set(sinks.map(\.sink))
    let moved = try reading { db in try OutboxTable.moved(configured: configured, in: db) }
    if !moved.isEmpty { try file.commit { db in try OutboxTable.note(moved, configured: configured, at: now, in: db) } }
    let marks = try reading { db in
      try OutboxTable.overdue(except: configured, firstAt: now - RetryPolicy().giveUp, limit: PruningPace.rowsMax, in: db)
    }
    if !marks.isEmpty { _ = try commit(engine, marks: marks, realNow: realNow) }
    return marks.count
  }
}
