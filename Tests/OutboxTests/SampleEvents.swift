import Outbox
import Readings

/// Events for tests.
enum Sample {
  static let time = Timestamp(milliseconds: 1_763_684_820_000)  // 2025-11-21T07:27:00+07:00

  /// The contract's example, bare of optional facts.
  static func alert(
    _ transition: AlertEvent.Transition = .raised, number: Int = 1, site: String = "bac-giang", domain: String = "traffic",
    severity: Severity = .major
  ) -> AlertEvent {
    var event = AlertEvent(
      instance: "bg-vy", alert: "alert-\(number)", transition: transition, nth: 1, revision: 1,
      state: transition == .cleared ? .cleared : .raised, severity: severity, subject: "\(site)/\(domain)/bg-tr-001", site: site,
      rule: .init(id: "traffic-congestion", version: "v1", name: BilingualText(vi: "Ùn tắc giao thông", en: "Traffic congestion")),
      time: time + 300_000, breachedAt: time, detectedAt: time + 300_250, conditionText: "mean(speed, 5m) < 15",
      message: BilingualText(vi: "Tốc độ trung bình 12,4 km/h", en: "Mean speed 12.4 km/h"))
    event.domain = domain
    return event
  }

  static func record(
    _ number: Int, site: String = "bac-giang", domain: String = "traffic", severity: Severity = .major
  ) -> EventRecord {
    alert(number: number, site: site, domain: domain, severity: severity).record
  }

  /// The nth event of an alert.
  static func record(_ nth: Int, of alert: Int) -> EventRecord {
    var event = Self.alert(nth == 1 ? .raised : .reminder, number: alert)
    (event.nth, event.revision) = (nth, nth)
    return event.record
  }

  static let secret = WebhookSecret(text: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")!
  static let otherSecret = WebhookSecret(text: "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=")!
}
