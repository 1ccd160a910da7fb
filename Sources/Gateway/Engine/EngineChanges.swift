import Alerting
import Database
import Outbox
import Readings

/// The last input that was rejected for a reason, of a device or of none: kept for the integrator.
struct RejectSample: Equatable, Sendable {
  static let payloadMax = 4096

  var reason: RejectReason
  /// Empty where none is known, and for unknown devices beyond the limit.
  var device: String
  var at: Timestamp
  var topic: String
  var payload: [UInt8]
  var detail: String
}

/// A message that crashed the process: kept whole, and never stepped again.
struct QuarantinedMessage: Equatable, Sendable {
  var at: Timestamp
  var topic: String
  var payload: [UInt8]
}

/// What a device's status topic says, and since when.
struct OnlineState: Equatable, Sendable {
  var isOnline: Bool
  var at: Timestamp
}

/// A row that is moved into quarantine.
struct SetAside: Sendable {
  var row: DamagedRow
  var at: Timestamp
  /// Of a rollup row: what its finer buckets or readings come to.
  var remade: [UInt8]?
}

/// What a batch changes besides the log row: committed in the same transaction.
struct EngineChanges: Sendable {
  var lives: [StoredLife] = []
  var alerts: [AlertRecord] = []
  var transitions: [TransitionRecord] = []
  /// In order; nil: it is over.
  var silences: [(id: String, silence: Silence?)] = []
  /// In the order in which they happened.
  var events: [EventRecord] = []
  var rejects: [RejectSample] = []
  var quarantined: [QuarantinedMessage] = []
  /// Rows of the log in quarantine whose gap is among `events`.
  var toldRows: [(number: Int64, at: Timestamp)] = []
  /// Rows that cannot be read, and what takes their place; their gaps are among `events`.
  var damaged: [SetAside] = []
  /// By device: what its status topic said last.
  var online: [Int: OnlineState] = [:]
  /// Which reasons and registered devices `rejects` has.
  var rejectKeys: Set<Int> = []
  /// Series registered since the last batch count from here.
  var registeredAt: Timestamp?

  var isEmpty: Bool {
    lives.isEmpty && alerts.isEmpty && silences.isEmpty && events.isEmpty && rejects.isEmpty && quarantined.isEmpty && damaged.isEmpty
      && online.isEmpty
      && registeredAt == nil
  }

  mutating func removeAll() {
    lives.removeAll(keepingCapacity: true)
    alerts.removeAll(keepingCapacity: true)
    transitions.removeAll(keepingCapacity: true)
    silences.removeAll(keepingCapacity: true)
    events.removeAll(keepingCapacity: true)
    rejects.removeAll(keepingCapacity: true)
    quarantined.removeAll()
    toldRows.removeAll()
    damaged.removeAll()
    online.removeAll()
    rejectKeys.removeAll(keepingCapacity: true)
    registeredAt = nil
  }
}
