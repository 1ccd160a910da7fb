package import Alerting
package import Readings

/// One transition of an alert as it is told to IOCs, with the alert's whole state. All times are instants of the engine's clock
/// or of readings; nothing here depends on when or to whom it is sent.
package struct AlertEvent: Sendable, Equatable {
  /// What happened. The raw value ends the CloudEvent's type.
  package enum Transition: String, CaseIterable, Sendable {
    case raised, escalated, cleared, acknowledged, flapping, reminder

    /// The event that tells of a transition; nil where none does. What was held back is told as `raised`.
    package init?(_ transition: AlertTransition) {
      switch transition {
      case .raised, .told: self = .raised
      case .escalated: self = .escalated
      case .cleared, .closed: self = .cleared
      case .acknowledged: self = .acknowledged
      case .flapping: self = .flapping
      case .reminder: self = .reminder
      case .settled, .stale, .fresh, .late, .silenced, .inhibited: return nil
      }
    }
  }

  /// The alert's state after the transition.
  package enum State: String, Sendable { case raised, cleared }

  package struct Rule: Hashable, Sendable {
    package var id, version: String
    package var name: BilingualText
    package init(id: String, version: String, name: BilingualText) { (self.id, self.version, self.name) = (id, version, name) }
  }

  /// The ward at the event's time. `validFrom` is its date, `2025-07-01`: codes are reused.
  package typealias Ward = AlertContext.Ward
  /// Latitude and longitude in degrees, WGS 84.
  package typealias Device = AlertContext.Device
  package typealias Members = AlertContext.Members

  /// One term of the condition. `decimals` are those of the metric's resolution; an unknown value is nil.
  package struct ConditionValue: Hashable, Sendable {
    package var text: String
    package var value: Double?
    package var decimals: Int
    package init(text: String, value: Double?, decimals: Int) { (self.text, self.value, self.decimals) = (text, value, decimals) }
  }

  /// The row of the limits that the condition compared with. `validFrom` is a date; a device's own limit, its facility's permit, has none.
  package struct Limit: Hashable, Sendable {
    package var regulation: String
    package var value: Double
    package var unit: String
    package var validFrom: String?
    package init(regulation: String, value: Double, unit: String, validFrom: String?) {
      (self.regulation, self.value, self.unit, self.validFrom) = (regulation, value, unit, validFrom)
    }
  }

  /// Where a trend leads. `slopePerHour` in the metric's unit, `fit` is R²; `crossesAt` nil where it does not cross.
  package struct Forecast: Hashable, Sendable {
    package var metric: String
    package var limit: Double
    package var crossesAt: Timestamp?
    package var slopePerHour, fit: Double
    package var decimals: Int
    package init(metric: String, limit: Double, crossesAt: Timestamp?, slopePerHour: Double, fit: Double, decimals: Int) {
      (self.metric, self.limit, self.crossesAt) = (metric, limit, crossesAt)
      (self.slopePerHour, self.fit, self.decimals) = (slopePerHour, fit, decimals)
    }
  }

  package typealias Acknowledgement = Alerting.Acknowledgement

  /// The readings behind the condition, oldest first.
  package struct Evidence: Sendable, Equatable {
    package var metric: String
    package var decimals: Int
    package var points: [(ts: Timestamp, value: Double)]
    package init(metric: String, decimals: Int, points: [(ts: Timestamp, value: Double)]) {
      (self.metric, self.decimals, self.points) = (metric, decimals, points)
    }

    package static func == (a: Evidence, b: Evidence) -> Bool {
      a.metric == b.metric && a.decimals == b.decimals && a.points.elementsEqual(b.points, by: ==)
    }
  }

  package var instance: String
  package var alert: String
  package var transition: Transition
  /// Counts the transitions of this kind of this alert, from 1, or from where its numbers begin after a restore.
  package var nth: Int
  /// Rises with every event of the alert, from the same.
  package var revision: Int
  package var state: State
  package var severity: Severity
  package var late: Bool
  /// `{site}/{domain}/{device}`, or a group's subject.
  package var subject: String
  /// The time at which the transition became true.
  package var time: Timestamp
  package var rule: Rule
  package var site: String
  /// For the sinks' filters; not written. Nil passes every domain filter.
  package var domain: String?
  package var zone: String?
  package var ward: Ward?
  package var device: Device?
  package var members: Members?
  package var metric: String?
  package var unit: String?
  package var value: Double?
  /// Decimals of the metric's resolution; numbers are shown with two more.
  package var decimals: Int
  package var conditionText: String
  package var conditionValues: [ConditionValue]
  package var limit: Limit?
  package var forecast: Forecast?
  package var breachedAt: Timestamp
  package var raisedAt: Timestamp?
  package var clearedAt: Timestamp?
  /// The clock when the transition was found.
  package var detectedAt: Timestamp
  /// The clock when the raise was found, and whether that was late: what `opening` says.
  package var raiseDetectedAt: Timestamp
  package var isRaiseLate = false
  /// The clock when it is told, where that is later.
  package var toldAt: Timestamp?
  package var acknowledged: Acknowledgement?
  package var message: BilingualText
  package var advice: BilingualText?
  package var evidence: [Evidence]

  /// The required facts; the others are nil, empty or false until set.
  package init(
    instance: String, alert: String, transition: Transition, nth: Int, revision: Int, state: State, severity: Severity,
    subject: String, site: String, rule: Rule, time: Timestamp, breachedAt: Timestamp, detectedAt: Timestamp,
    conditionText: String, message: BilingualText
  ) {
    (self.instance, self.alert, self.transition, self.nth) = (instance, alert, transition, nth)
    (self.revision, self.state, self.severity, self.late) = (revision, state, severity, false)
    (self.subject, self.site, self.rule, self.time) = (subject, site, rule, time)
    (self.breachedAt, self.detectedAt, raiseDetectedAt) = (breachedAt, detectedAt, detectedAt)
    (self.conditionText, self.conditionValues, self.decimals) = (conditionText, [], 0)
    (self.message, self.evidence) = (message, [])
  }

  /// The event's id: the same for the same transition, however often it is told.
  package var id: String { AlertIdentity.event(alert: alert, transition: transition.rawValue, nth: nth) }

  /// The same state of the alert as whoever was not told of it yet is told: as `raised`, with the present severity. Its id is that of
  /// (alert, raised, revision), since the alert's own raise is the first of both: the same in a replay, and no other event's.
  package var opening: AlertEvent {
    precondition(transition != .cleared, "nobody begins to hear of an alert that is over")
    if transition == .raised { return self }
    var opening = self
    (opening.transition, opening.nth, opening.time) = (.raised, revision, raisedAt ?? time)
    (opening.detectedAt, opening.late) = (raiseDetectedAt, isRaiseLate)
    return opening
  }

  /// What it says of the alert's rule and subject when they are gone.
  package mutating func take(_ context: AlertContext) {
    (device, ward, members) = (context.device, context.ward, context.members)
    (metric, unit, decimals, advice) = (context.metric, context.unit, context.decimals, context.advice?.bilingual)
  }

  /// The event as the outbox keeps it.
  package var record: EventRecord {
    EventRecord(
      id: id, recordedAt: toldAt ?? detectedAt, site: site, domain: domain, severity: severity, alert: alert, body: cloudEvent(),
      alertEvent: self)
  }
}
