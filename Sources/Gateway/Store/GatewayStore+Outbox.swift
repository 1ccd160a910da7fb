package import Database
import GRDB
package import Outbox
package import Readings

/// What becomes of the outbox besides new events.
extension GatewayStore {
  /// In a commit: records what became of deliveries, keeps each sink's queue within its bound, and tells of what was lost.
  ///
  /// - Parameter number: of the commit's log row.
  /// - Returns: what gap events gave to sinks.
  func settle(
    _ marks: [DeliveryMark], _ engine: Engine, _ realNow: Timestamp, _ number: Int64, _ db: GRDB.Database
  ) throws -> GivenDeliveries {
    let lost = try OutboxTable.apply(marks, realNow: realNow, in: db)
    let moment = SinkLoss.Moment(
      instance: engine.settings.instance, clock: engine.clock ?? realNow, realNow: realNow, waitingMax: waitingMax)
    let (causes, given) = try SinkLoss.settle(marks, lost: lost, at: moment, in: db)
    guard !causes.isEmpty else { return [:] }
    var counters = engine.counters
    for cause in causes { counters.gaps[cause, default: 0] += 1 }
    try save(counters, engine, number, db)
    countersWithLosses = counters
    return given
  }

  /// What no read of what waits would find damaged. Of it the deliveries are to be set aside; the rest is mended, where there is room, or
  /// by the commit that meets it.
  ///
  /// - Throws: as `commit`.
  package func mendOutbox(realNow: Timestamp) throws(StoreError) -> OutboxDamage {
    let damage = try reading { db in try OutboxDamage(db) }
    guard !damage.rows.isEmpty else { return damage }
    do throws(StoreError) { try file.commit { db in try OutboxDamage.mend(at: realNow, in: db) } } catch {
      if error != .full { throw error }
    }
    return damage
  }

  /// Does an operator's order, in a commit of its own: it is done when this returns, or nothing of it is.
  ///
  /// - Throws: as `commit`.
  package func obey(_ order: OutboxOrder, realNow: Timestamp) throws(StoreError) -> OutboxAnswer {
    var answer: OutboxAnswer?
    try file.commit { db in answer = try OutboxTable.obey(order, realNow: realNow, most: waitingMax, in: db) }
    guard let answer else { preconditionFailure("what was committed was answered") }
    return answer
  }
}
