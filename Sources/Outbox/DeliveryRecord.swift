import Alerting
import Database
import Foundation
package import GRDB
package import Readings

/// An event's way to one sink, with the event: what operators are shown.
///
/// Of a damaged one what cannot be read is missing, and `lastError` says what is damaged.
package struct DeliveryRecord: Sendable, Equatable {
  package var sink: String
  package var sequence: Int64
  package var event: String
  package var state: DeliveryState
  package var attempts: Int
  /// Real times: committed or redriven; not to be tried before.
  package var firstAt, nextAt: Timestamp
  package var lastError: String?
  /// The engine's clock at the event; `firstAt` where the event is damaged.
  package var recordedAt: Timestamp
  package var severity: Severity?
  /// The CloudEvent, as it is sent; empty where the event is damaged.
  package var body: [UInt8]

  /// The CloudEvent's type and subject; empty where its body cannot be read.
  package var headline: (type: String, subject: String) {
    let json = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any]
    return (json?["type"] as? String ?? "", json?["subject"] as? String ?? "")
  }

  /// - Parameter state: what the index says by which it was found; nil where it was another.
  fileprivate init(_ row: Row, state known: DeliveryState? = nil) throws {
    let (found, damage) = try DeliveryRecord.way(row, state: known)
    (sink, sequence, event, state) = (found.sink, found.sequence, found.event, found.state)
    (attempts, firstAt, nextAt, lastError) = (found.attempts, found.firstAt, found.nextAt, damage ?? found.lastError)
    do {
      body = try OutboxTable.body(row, of: found.event)
      recordedAt = Timestamp(milliseconds: try row.sound("recorded_at"))
      severity = try (row.soundIfPresent("severity") as Int64?).flatMap { UInt8(exactly: $0) }.flatMap(Severity.init(rawValue:))
    } catch StoreError.damaged(let what) {
      (body, recordedAt, severity) = ([], found.firstAt, nil)
      lastError = lastError ?? "\(DeadReason.damaged.rawValue): \(what)"
    }
  }

  private static func way(_ row: Row, state: DeliveryState?) throws -> (row: DeliveryRow, damage: String?) {
    do { return (try DeliveryRow(row), nil) } catch StoreError.damaged(let what) {
      let state = try? state ?? DeliveryState(rawValue: row.sound("state"))
      let remains = DeliveryRow(remains: row, sink: try row.sound("sink"), sequence: try row.sound("sequence"), state: state ?? .waiting)
      return (remains, "\(DeadReason.damaged.rawValue): \(what)")
    }
  }
}

extension OutboxTable {
  private static let everyColumn = "SELECT \(columns) FROM delivery"
  private static let withEvent = "LEFT JOIN event ON event.id = delivery.event"

  /// Deliveries in order of sink and sequence, at most `limit`.
  ///
  /// - Parameters:
  ///   - sink: nil: of all sinks.
  ///   - states: those wanted.
  ///   - cursor: the last that was seen.
  package static func page(
    sink: String?, states: Set<DeliveryState>, after cursor: (sink: String, sequence: Int64)?, limit: Int, in db: GRDB.Database
  ) throws -> [DeliveryRecord] {
    let cursor = cursor ?? (sink ?? "", 0)
    var found: [DeliveryRecord] = []
    // State by state, each by the index that has its rows in this order.
    for state in states.sorted(by: { $0.rawValue < $1.rawValue }) {
      let index =
        switch state {
        case .waiting: "INDEXED BY delivery_waiting"
        case .dead: "INDEXED BY delivery_dead"
        case .delivered: ""
        }
      // By the table's own order: what is delivered is most of it. The sign keeps SQLite from the index of ages, which it would sort.
      let term = state == .delivered ? "+state" : "state"
      let condition = sink == nil ? "(sink, sequence) > (?, ?)" : "sink = ? AND sequence > ?"
      let rows = try Row.fetchAll(
        db,
        sql: "\(everyColumn) \(index) \(withEvent) WHERE \(condition) AND \(term) = \(state.rawValue) ORDER BY sink, sequence LIMIT ?",
        arguments: [sink ?? cursor.sink, cursor.sequence, limit])
      found += try rows.map { try DeliveryRecord($0, state: state) }
    }
    return Array(found.sorted { ($0.sink, $0.sequence) < ($1.sink, $1.sequence) }.prefix(limit))
  }

  /// Everything that was given to a sink after a sequence and is kept, in order, at most `limit`.
  package static func given(to sink: String, after sequence: Int64, limit: Int, in db: GRDB.Database) throws -> [DeliveryRecord] {
    try Row.fetchAll(
      db, sql: "\(everyColumn) \(withEvent) WHERE sink = ? AND sequence > ? ORDER BY sequence LIMIT ?", arguments: [sink, sequence, limit]
    ).map { try DeliveryRecord($0) }
  }

  /// Ids of events that begin so, in order, at most `limit`: a range of an index.
  package static func events(from beginning: String, limit: Int, in db: GRDB.Database) throws -> [String] {
    try Row.fetchAll(
      db, sql: "SELECT DISTINCT event FROM delivery INDEXED BY delivery_event WHERE event >= ? AND event < ? ORDER BY event LIMIT ?",
      arguments: [beginning, AlertIdentity.end(of: beginning), limit]
    ).map { try $0.sound("event") }
  }

  /// The ways of one event, by sink; empty where none is kept.
  package static func deliveries(of id: String, in db: GRDB.Database) throws -> [DeliveryRecord] {
    try Row.fetchAll(db, sql: "\(everyColumn) \(withEvent) WHERE delivery.event = ? ORDER BY sink", arguments: [id])
      .map { try DeliveryRecord($0) }
  }
}
