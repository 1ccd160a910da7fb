import GRDB
import Readings

/// Events as they get their sequences in one transaction, sink by sink.
struct OutboxGiving {
  private let realNow: Timestamp
  /// By sink: its newest event.
  private(set) var last: [String: Int64] = [:]
  private(set) var given: GivenDeliveries = [:]

  init(realNow: Timestamp) { self.realNow = realNow }

  /// Gives an event to each of the sinks. One that is there already changes nothing.
  ///
  /// - Returns: false where nothing was given.
  @discardableResult
  mutating func give(_ event: EventRecord, to takers: [String], _ db: GRDB.Database) throws -> Bool {
    guard !takers.isEmpty, try OutboxTable.insert(event, in: db) else { return false }
    for taker in takers {
      let sequence = try (last[taker] ?? OutboxTable.lastSequence(of: taker, in: db)) + 1
      last[taker] = sequence
      try DeliveryRow(sink: taker, sequence: sequence, event: event.id, firstAt: realNow).insert(db)
      given[taker, default: []].append(
        WaitingDelivery(
          sequence: sequence, event: event.id, alert: event.alert, body: event.body, attempts: 0, firstAt: realNow, nextAt: realNow))
    }
    return true
  }

  /// Gives an alert's event: as it is to whoever was told of the alert; as `raised` to those that hear of it first and whose filters it
  /// passes; its end to nobody else.
  ///
  /// Who was told need not be configured any longer: what it is owed waits for it to come back, and is given up as all that waits.
  mutating func give(_ event: EventRecord, of alert: AlertEvent, to sinks: [SinkFilter], _ db: GRDB.Database) throws {
    let isLast = alert.transition == .cleared
    let told = try ToldTable.sinks(of: alert.alert, db)
    let first = isLast ? [] : sinks.filter { !told.contains($0.sink) && $0.passes(event) }.map(\.sink)
    let second = told.sorted()
    if alert.transition == .raised {
      guard try give(event, to: second + first, db) else { return }
    } else {
      // Given before to those who were told of the alert by it.
      if !isLast, try isThere(alert.opening.id, db) { return }
      try give(event, to: second, db)
      if !first.isEmpty { try give(alert.opening.record, to: first, db) }
    }
    for sink in first { try ToldTable.insert(alert: alert.alert, sink: sink, db) }
    if isLast { try ToldTable.remove(alert: alert.alert, db) }
  }

  /// Notes the sequences that were given. To be called once, at the end.
  func save(_ db: GRDB.Database) throws {
    for (sink, sequence) in last {
      try db.cachedStatement(
        sql: """
          INSERT INTO sink (id, last_sequence, skipped) VALUES (?, ?, coalesce((SELECT sequence FROM sequence_floor), 0))
          ON CONFLICT (id) DO UPDATE SET last_sequence = excluded.last_sequence
          """
      ).execute(arguments: [sink, sequence])
    }
  }

  private func isThere(_ id: String, _ db: GRDB.Database) throws -> Bool {
    try Row.fetchOne(db.cachedStatement(sql: "SELECT 1 FROM event WHERE id = ?"), arguments: [id]) != nil
  }
}
