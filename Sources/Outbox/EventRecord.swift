package import Readings

/// An event as it was recorded: its exact bytes, and what the sinks' filters ask of it. A filter passes what is nil here.
package struct EventRecord: Sendable, Equatable {
  package var id: String
  /// The engine's clock at the event.
  package var recordedAt: Timestamp
  package var site: String?
  package var domain: String?
  package var severity: Severity?
  /// The alert that it tells of, whose events go in order; nil for one about the gateway.
  package var alert: String?
  package var body: [UInt8]
  /// What it was made of, where it is an alert's: whoever hears of the alert for the first time gets another form of it. Not stored.
  package var alertEvent: AlertEvent?

  package init(
    id: String, recordedAt: Timestamp, site: String?, domain: String?, severity: Severity?, alert: String? = nil, body: [UInt8],
    alertEvent: AlertEvent? = nil
  ) {
    (self.id, self.recordedAt, self.site) = (id, recordedAt, site)
    (self.domain, self.severity, self.alert, self.body) = (domain, severity, alert, body)
    self.alertEvent = alertEvent
  }
}

/// An event that waits for one sink.
package struct WaitingDelivery: Sendable, Equatable {
  /// The sink's own number of the event: from 1, without gaps, in the order of commit.
  package var sequence: Int64
  package var event: String
  /// See `EventRecord.alert`.
  package var alert: String?
  package var body: [UInt8]
  /// Attempts so far.
  package var attempts: Int
  /// Real time at which it was committed; giving up counts from here.
  package var firstAt: Timestamp
  /// Real time before which it is not to be tried.
  package var nextAt: Timestamp

  package init(
    sequence: Int64, event: String, alert: String? = nil, body: [UInt8], attempts: Int, firstAt: Timestamp, nextAt: Timestamp
  ) {
    (self.sequence, self.event, self.alert, self.body) = (sequence, event, alert, body)
    (self.attempts, self.firstAt, self.nextAt) = (attempts, firstAt, nextAt)
  }
}

/// What commits gave to sinks, by sink and in order of sequence: whoever sends it need not read it.
package typealias GivenDeliveries = [String: [WaitingDelivery]]

/// An event that waits for one sink and cannot be sent: its row, or that of its delivery, is not what was written.
package struct DamagedDelivery: Sendable, Equatable {
  package var sequence: Int64
  /// What is damaged, in one line.
  package var what: String
  package init(sequence: Int64, what: String) { (self.sequence, self.what) = (sequence, what) }
}

/// What a read of a sink's queue found.
package struct SinkBacklog: Sendable, Equatable {
  /// Why the sink was stopped; nil while it runs.
  package var stopped: String?
  /// In order of sequence; empty for a stopped sink.
  package var deliveries: [WaitingDelivery]
  /// Those among them that are damaged, in order of sequence: for the writer to set aside.
  package var damaged: [DamagedDelivery]

  package init(stopped: String?, deliveries: [WaitingDelivery], damaged: [DamagedDelivery] = []) {
    (self.stopped, self.deliveries, self.damaged) = (stopped, deliveries, damaged)
  }

  var count: Int { deliveries.count + damaged.count }
  var lastSequence: Int64? { [deliveries.last?.sequence, damaged.last?.sequence].compactMap { $0 }.max() }
}

/// Why no attempt will deliver an event. The raw value is what operators see.
package enum DeadReason: String, CaseIterable, Sendable {
  /// The IOC said that the event itself is wrong.
  case rejected
  /// Its time was up.
  case expired
  /// What is stored of it is not what was written.
  case damaged
}

/// What became of an attempt, for the one writer to record.
package struct DeliveryMark: Sendable, Equatable {
  package enum Outcome: Sendable, Equatable {
    case delivered
    case dead(DeadReason, error: String)
    case retryLater(nextAt: Timestamp, error: String)
    /// The IOC wants no more events: the sink stops, the event goes on waiting.
    case stopped(reason: String)
  }
  package var sink: String
  package var sequence: Int64
  /// Attempts so far, this one among them.
  package var attempts: Int
  package var outcome: Outcome

  package init(sink: String, sequence: Int64, attempts: Int, outcome: Outcome) {
    (self.sink, self.sequence, self.attempts, self.outcome) = (sink, sequence, attempts, outcome)
  }

  var isDamage: Bool { if case .dead(.damaged, _) = outcome { true } else { false } }
}
