import Database
package import GRDB
package import Readings

/// What is damaged in the outbox where no read of what waits would find it. To be looked for at a start.
package struct OutboxDamage: Sendable {
  /// Marks that make dead letters of deliveries that wait by their sinks' counters and are in no index of what waits: their `state`
  /// itself is damaged.
  package var strays: [DeliveryMark] = []
  /// Other rows, in words, which `mend` makes sound again.
  package var rows: [String] = []

  /// - Throws: `StoreError.damaged` where the table of sinks is.
  package init(_ db: GRDB.Database) throws {
    for row in try Row.fetchAll(db, sql: "SELECT id FROM sink ORDER BY id") {
      let sink: String = try row.sound("id")
      let count = try OutboxTable.strayCount(of: sink, db)
      if count > 0 { strays += try Self.strays(of: sink, most: count, db) }
    }
    rows = try ToldTable.damage(db) + SinkLoss.damage(db)
  }

  /// Whoever may have been told of an alert counts as told of it, and what is known as lost is told again. A commit that meets such a row
  /// does the same.
  ///
  /// - Parameter clock: the time of a loss of which none is known.
  package static func mend(at clock: Timestamp, in db: GRDB.Database) throws {
    try ToldTable.mend(db)
    try SinkLoss.mend(at: clock, db)
  }

  /// Goes through all that is kept of the sink: what was damaged may stand as delivered.
  private static func strays(of sink: String, most: Int, _ db: GRDB.Database) throws -> [DeliveryMark] {
    var strays: [DeliveryMark] = []
    let rows = try Row.fetchCursor(
      db, sql: "SELECT * FROM delivery WHERE sink = ? AND +state IS NOT 0 ORDER BY sequence", arguments: [sink])
    // A copy: what a cursor lends takes a text for a number.
    while strays.count < most, let row = try rows.next()?.copy() {
      guard DeliveryRow.isStray(row), let sequence: Int64 = try? row.sound("sequence") else { continue }
      strays.append(
        DeliveryMark(
          sink: sink, sequence: sequence, attempts: 0,
          outcome: .dead(.damaged, error: "the state of delivery \(sequence) to \(sink) is not as it was written")))
    }
    return strays
  }
}

extension OutboxTable {
  /// How many deliveries wait by a sink's counters, and are not in the index of what waits.
  static func strayCount(of sink: String, _ db: GRDB.Database) throws -> Int {
    try Int.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT last_sequence - skipped - delivered - dead
            - (SELECT count(*) FROM delivery INDEXED BY delivery_waiting WHERE delivery.sink = sink.id AND state = 0)
          FROM sink WHERE id = ?
          """), arguments: [sink]) ?? 0
  }
}
