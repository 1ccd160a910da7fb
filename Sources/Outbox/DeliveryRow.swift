import Database
import GRDB
import Readings

/// How far an event is on its way to one sink. The raw value is what is stored.
package enum DeliveryState: Int64, CaseIterable, Sendable {
  case waiting, delivered, dead

  /// What operators and the API call it.
  package var name: String { "\(self)" }
}

/// An event's way to one sink, as a row of the table `delivery`: read and written whole, with its checksum.
struct DeliveryRow {
  typealias State = DeliveryState

  private static let table = CheckedTable(
    "delivery", ["sink", "sequence", "event", "state", "attempts", "first_at", "next_at", "last_error"])

  let sink: String
  let sequence: Int64
  let event: String
  var state = State.waiting
  var attempts = 0
  /// Giving up counts from here.
  var firstAt: Timestamp
  var nextAt: Timestamp
  var lastError: String?
  /// It is not what was written; see `init(remains:)`.
  private(set) var isDamaged = false

  /// A new one.
  init(sink: String, sequence: Int64, event: String, firstAt: Timestamp) {
    (self.sink, self.sequence, self.event, self.firstAt, nextAt) = (sink, sequence, event, firstAt, firstAt)
  }

  init(_ row: Row) throws {
    (sink, sequence, event) = (try row.sound("sink"), try row.sound("sequence"), try row.sound("event"))
    let (sink, sequence) = (sink, sequence)
    try Self.table.verify(row, "delivery \(sequence) to \(sink)")
    let number: Int64 = try row.sound("state")
    guard let state = State(rawValue: number) else { throw StoreError.damaged("delivery \(sequence) to \(sink) has state \(number)") }
    (self.state, attempts) = (state, try row.sound("attempts"))
    firstAt = Timestamp(milliseconds: try row.sound("first_at"))
    nextAt = Timestamp(milliseconds: try row.sound("next_at"))
    lastError = try row.soundIfPresent("last_error")
  }

  /// The row, or what is left of a damaged one: whoever changes it writes it whole, and sound again.
  static func find(sink: String, sequence: Int64, _ db: GRDB.Database) throws -> DeliveryRow? {
    let found = try Row.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM delivery WHERE sink = ? AND sequence = ?"), arguments: [sink, sequence])
    guard let row = found else { return nil }
    if let sound = try? DeliveryRow(row) { return sound }
    // The index knows it as well.
    let waiting = try Row.fetchOne(
      db.cachedStatement(
        sql: "SELECT sequence FROM delivery INDEXED BY delivery_waiting WHERE sink = ? AND sequence = ? AND state = 0"),
      arguments: [sink, sequence])
    let isWaiting = try waiting != nil || isStray(row) && OutboxTable.strayCount(of: sink, db) > 0
    return DeliveryRow(remains: row, sink: sink, sequence: sequence, state: isWaiting ? .waiting : .dead)
  }

  /// Its `state` itself is damaged, so that the index of what waits may have lost it: its checksum proves that it waited, or proves nothing
  /// and the state is none. The sink's counters say whether one is missing.
  static func isStray(_ row: Row) -> Bool {
    guard (try? DeliveryRow(row)) == nil else { return false }
    let proven = State.allCases.first { table.isSound(row, with: $0.rawValue, in: "state") }
    if let proven { return proven == .waiting }
    return (try? row.sound("state") as Int64).flatMap(State.init(rawValue:)) == nil
  }

  /// What can still be read of a row that is damaged somewhere. What finds it, and its state, is the caller's to know.
  init(remains row: Row, sink: String, sequence: Int64, state: State) {
    let firstAt = (try? row.sound("first_at") as Int64).flatMap { Timestamp.plausible.contains($0) ? $0 : nil } ?? 0
    self.init(
      sink: sink, sequence: sequence, event: (try? row.sound("event")) ?? "", firstAt: Timestamp(milliseconds: firstAt))
    (self.state, isDamaged) = (state, true)
  }

  /// Why it is dead; nil where it is not.
  var deadReason: DeadReason? {
    guard state == .dead else { return nil }
    return DeadReason.allCases.first { lastError?.hasPrefix($0.rawValue) ?? false }
  }

  func insert(_ db: GRDB.Database) throws { try Self.table.insert(values, db) }
  /// The row as it is now, in place of what it was.
  func replace(_ db: GRDB.Database) throws { try Self.table.replace(values, db) }

  private var values: [(any DatabaseValueConvertible)?] {
    [sink, sequence, event, state.rawValue, attempts, firstAt.milliseconds, nextAt.milliseconds, lastError]
  }
}
