package import Alerting
package import Readings

/// An alert, its transitions and a silence as JSON: what the API and `thuong alerts --format json` show.
package enum AlertDocument {
  /// - Parameter transitions: nil in lists.
  package static func write(_ alert: AlertRecord, transitions: [TransitionRecord]? = nil, to json: inout JSONWriter) {
    json.object { json in
      json.field("id", alert.id)
      json.field("revision", alert.revision)
      json.field("state", alert.state)
      json.field("severity", alert.severity.name)
      json.field(
        "rule",
        object: { json in
          json.field("id", alert.rule)
          json.field("version", alert.ruleVersion)
        })
      json.field("subject", alert.subject)
      json.field("site", alert.site)
      json.field("zone", alert.zone)
      json.field("domain", alert.domain)
      json.field("device", alert.device)
      json.field("place", alert.context.place)
      json.field("breachedAt", alert.breachedAt.rfc3339)
      json.field("raisedAt", alert.raisedAt.rfc3339)
      json.field("clearedAt", alert.clearedAt?.rfc3339)
      json.field("endReason", alert.endReason?.rawValue)
      json.field("late", alert.isLate)
      json.field("told", alert.course.isTold)
      json.field("hold", alert.course.hold?.rawValue)
      json.field("stale", alert.course.isStale)
      json.field("flapping", alert.course.isFlapping)
      write(alert.acknowledged, to: &json)
      write("message", alert.message, to: &json)
      guard let transitions else { return }
      json.field("transitions", array: { json in for step in transitions { write(step, to: &json) } })
    }
  }

  private static func write(_ acknowledged: Acknowledgement?, to json: inout JSONWriter) {
    guard let acknowledged else { return json.fieldNull("acknowledged") }
    json.field(
      "acknowledged",
      object: { json in
        json.field("by", acknowledged.by)
        json.field("at", acknowledged.at.rfc3339)
        json.field("note", acknowledged.note)
      })
  }

  private static func write(_ step: TransitionRecord, to json: inout JSONWriter) {
    json.object { json in
      json.field("number", step.number)
      json.field("transition", step.kind.rawValue)
      json.field("reason", step.reason.rawValue)
      let (kind, reason) = (OperatorText.name(of: step.kind), OperatorText.name(of: step.reason))
      write("text", BilingualText(vi: "\(kind.vi): \(reason.vi)", en: "\(kind.en): \(reason.en)"), to: &json)
      json.field("detail", step.detail)
      json.field("by", step.by)
      json.field("severity", step.severity?.name)
      json.field("time", step.time.rfc3339)
      json.field("detectedAt", step.detectedAt.rfc3339)
    }
  }

  private static func write(_ key: String, _ text: BilingualText, to json: inout JSONWriter) {
    json.field(
      key,
      object: { json in
        json.field("vi", text.vi)
        json.field("en", text.en)
      })
  }

  package static func write(_ silence: Silence, to json: inout JSONWriter) {
    json.object { json in
      json.field("id", silence.id)
      let lists = [
        ("rule", silence.rules), ("device", silence.devices), ("zone", silence.zones), ("site", silence.sites),
        ("severity", silence.severities.map(\.name)),
      ]
      for (key, values) in lists where !values.isEmpty {
        json.field(key, array: { json in for value in values { json.value(value) } })
      }
      json.field("from", silence.from.rfc3339)
      json.field("until", silence.until.rfc3339)
      if let weekly = silence.weekly {
        json.field(
          "weekly",
          object: { json in
            json.field("days", array: { json in for day in weekly.days { json.value(weekly.name(ofDay: day)) } })
            json.field("from", weekly.text(ofMinute: weekly.from))
            json.field("to", weekly.text(ofMinute: weekly.to))
          })
      }
      json.field("note", silence.note)
      json.field("by", silence.by)
      json.field("at", silence.at.rfc3339)
    }
  }
}

extension Silence.Weekly {
  package func name(ofDay day: Int) -> String { ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][day] }

  /// `22:00`.
  package func text(ofMinute minute: Int) -> String {
    let two = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
    return "\(two(minute / 60)):\(two(minute % 60))"
  }
}
