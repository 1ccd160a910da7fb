package import Readings

/// One alert as it is listed, and what its course is remembered by.
package struct AlertRecord: Equatable, Sendable {
  package enum State: String, CaseIterable, Sendable { case raised, cleared }

  package var id: String
  package var rule: String
  package var ruleVersion: String
  package var subject: String
  /// nil for a group's.
  package var device: String?
  package var site: String
  package var zone: String?
  package var domain: String
  /// `raised` or `cleared`.
  package var state: String
  /// Of the newest event that was told, or what its events' numbers begin after; 0: nobody was told.
  package var revision: Int
  package var breachedAt: Timestamp
  package var raisedAt: Timestamp
  /// The clock then.
  package var detectedAt: Timestamp
  package var clearedAt: Timestamp?
  /// Why it ended.
  package var endReason: AlertReason?
  package var message: BilingualText
  /// What was heard of it when it was raised was long over.
  package var isLate = false
  package var course: AlertCourse
  /// What its events say of its rule and subject, as of its raise. Empty for alerts from before it was kept.
  package var context: AlertContext

  package var severity: Severity { course.severity }
  package var acknowledged: Acknowledgement? { course.acknowledged }

  package init(
    id: String, rule: String, ruleVersion: String, subject: String, device: String?, site: String, zone: String? = nil, domain: String,
    severity: Severity, state: String, revision: Int, breachedAt: Timestamp, raisedAt: Timestamp, detectedAt: Timestamp? = nil,
    clearedAt: Timestamp?, message: BilingualText, course: AlertCourse? = nil, context: AlertContext = AlertContext()
  ) {
    (self.id, self.rule, self.ruleVersion, self.subject, self.device) = (id, rule, ruleVersion, subject, device)
    (self.site, self.zone, self.domain, self.state, self.revision) = (site, zone, domain, state, revision)
    (self.breachedAt, self.raisedAt, self.clearedAt, self.message) = (breachedAt, raisedAt, clearedAt, message)
    self.detectedAt = detectedAt ?? raisedAt
    self.course = course ?? AlertCourse(severity: severity)
    self.context = context
  }

  /// The revision and the ids of its events go on beyond `number`, where they are not there yet.
  package mutating func leap(beyond number: Int) {
    course.leap(beyond: number)
    revision = max(revision, number)
  }
}

/// What an event says of an alert's rule and subject: kept, so that the end of an alert can be told when the rule or device is gone.
package struct AlertContext: Hashable, Codable, Sendable {
  package struct Text: Hashable, Codable, Sendable {
    package var vi, en: String
    package init(_ text: BilingualText) { (vi, en) = (text.vi, text.en) }
    package var bilingual: BilingualText { BilingualText(vi: vi, en: en) }
  }

  package struct Device: Hashable, Codable, Sendable {
    package var id, name, profile: String
    package var latitude, longitude: Double?
    package init(id: String, name: String, profile: String, latitude: Double?, longitude: Double?) {
      (self.id, self.name, self.profile, self.latitude, self.longitude) = (id, name, profile, latitude, longitude)
    }
  }

  package struct Ward: Hashable, Codable, Sendable {
    package var code, validFrom, name: String
    package init(code: String, validFrom: String, name: String) { (self.code, self.validFrom, self.name) = (code, validFrom, name) }
  }

  /// The members of a group: at most 50 are listed, `count` counts all.
  package struct Members: Hashable, Codable, Sendable {
    package static let listedMax = 50
    package var devices: [String]
    package var count: Int
    package init(devices: [String], count: Int) { (self.devices, self.count) = (devices, count) }
  }

  package var ruleName: Text?
  /// The device's name, or the group's.
  package var place: String?
  package var conditionText: String?
  package var advice: Text?
  package var metric, unit: String?
  package var decimals = 0
  package var device: Device?
  package var ward: Ward?
  package var members: Members?

  package init() {}
}

/// One step of an alert, kept with its reason for as long as the alert is.
package struct TransitionRecord: Equatable, Sendable {
  package var alert: String
  /// From 1, in order.
  package var number: Int
  /// Of the newest event then.
  package var revision: Int
  package var kind: AlertTransition
  package var reason: AlertReason
  /// What the reason says more: a silence, a rule, a note.
  package var detail: String?
  /// Who did it, where somebody did.
  package var by: String?
  /// The alert's after it; nil for those from before it was kept.
  package var severity: Severity?
  /// The T at which it became true.
  package var time: Timestamp
  /// The clock then.
  package var detectedAt: Timestamp

  package init(
    alert: String, number: Int, revision: Int, kind: AlertTransition, reason: AlertReason, detail: String? = nil, by: String? = nil,
    severity: Severity? = nil, time: Timestamp, detectedAt: Timestamp
  ) {
    (self.alert, self.number, self.revision, self.kind, self.reason) = (alert, number, revision, kind, reason)
    (self.detail, self.by, self.severity, self.time, self.detectedAt) = (detail, by, severity, time, detectedAt)
  }
}

/// What is stored of one rule on one subject: while it is pending or raised, once an alert of it has ended, and while its turns may matter.
package struct StoredLife: Equatable, Sendable {
  package var rule: String
  package var subject: String
  /// The rule's version when it was stored: a changed condition restarts a pending.
  package var version: String
  package var life: AlertLife
  package var turns: TurnMemory

  package init(rule: String, subject: String, version: String, life: AlertLife, turns: TurnMemory = TurnMemory()) {
    (self.rule, self.subject, self.version, self.life, self.turns) = (rule, subject, version, life, turns)
  }
}
