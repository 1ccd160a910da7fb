/// A reading as it was stored. Times are milliseconds since the epoch, here and below.
struct ModelReading: Equatable {
  var device: String
  var metric: String
  var ts: Int64
  /// nil where nothing was measured.
  var value: Double?
  /// Two digits, or `range`.
  var status: String
  /// `ts` was too far ahead of the clock and was moved back.
  var moved: Bool

  var isGood: Bool { status == "00" && value != nil }
}

struct ModelCounters: Equatable {
  var messagesReceived: Int64 = 0
  var messagesAccepted: Int64 = 0
  var messagesRejected: [String: Int64] = [:]
  var readingsReceived: Int64 = 0
  var readingsStored: Int64 = 0
  var readingsDuplicate: Int64 = 0
  var readingsRejected: [String: Int64] = [:]
}

/// One event of an alert.
struct ModelTransition: Equatable {
  enum Kind: String { case raised, escalated, cleared, acknowledged, flapping, reminder }

  var kind: Kind
  var rule: String
  var subject: String
  /// The T at which it became true.
  var t: Int64
  var breachedAt: Int64
  /// The clock then.
  var detectedAt: Int64
  var severity: String
  var revision: Int
  var alert: String
  var event: String
}

/// A rule that is pending or raised for a device now.
struct ModelAlert: Equatable {
  var rule: String
  var subject: String
  var breachedAt: Int64
  /// nil while it is pending.
  var raisedAt: Int64?
}

/// Everything that a gateway should have stored and told.
struct ModelOutcome: Equatable {
  /// In the order in which they were stored.
  var stored: [ModelReading] = []
  var counters = ModelCounters()
  var transitions: [ModelTransition] = []
  /// In order of rule and subject.
  var alerts: [ModelAlert] = []
  /// nil before the first input.
  var clock: Int64?
  var isDoubtful = false

  /// The first thing in which this outcome differs from an expected one; nil where they are the same.
  func difference(from expected: ModelOutcome) -> String? {
    if let text = Self.first("reading", stored, expected.stored) { return text }
    if counters != expected.counters { return "the counters are \(counters)\nexpected \(expected.counters)" }
    if let text = Self.first("transition", transitions, expected.transitions) { return text }
    if let text = Self.first("alert now", alerts, expected.alerts) { return text }
    if clock != expected.clock { return "the clock says \(clock ?? -1), expected \(expected.clock ?? -1)" }
    if isDoubtful != expected.isDoubtful { return "doubtful is \(isDoubtful), expected \(expected.isDoubtful)" }
    return nil
  }

  private static func first<T: Equatable>(_ what: String, _ found: [T], _ expected: [T]) -> String? {
    for i in 0..<max(found.count, expected.count) {
      let (a, b) = (i < found.count ? found[i] : nil, i < expected.count ? expected[i] : nil)
      if a != b {
        return "\(what) \(i) is \(a.map { "\($0)" } ?? "missing")\nexpected \(b.map { "\($0)" } ?? "none")"
      }
    }
    return nil
  }
}
