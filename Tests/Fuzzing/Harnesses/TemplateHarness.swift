import Alerting
import Outbox
import Readings
import TestSupport

/// Bodies of sinks: what compiles makes JSON with the template's own names out of every event, and what does not says where it lies.
final class TemplateHarness: Harness {
  static let name = "template"

  private let events = FuzzEvents.all

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: input, as: UTF8.self) else { return "fault" }
    let template: BodyTemplate
    do throws(SinkConfigurationError) {
      template = try BodyTemplate(text: text, name: "body.json")
    } catch {
      try promise(
        error.description.hasPrefix("body.json:") && !error.description.contains(where: \.isNewline), "a fault: \(error.description)")
      return "fault"
    }
    guard let source = ReferenceJSON.read(Array(input)) else {
      // What nests deeper than the plain reader goes is JSON all the same.
      try promise(isDeep(input), "a template that is no JSON")
      return "template"
    }
    for event in events {
      let body = template.render(event.body)
      guard let rendered = ReferenceJSON.read(body) else {
        throw Violation("made of \(event.id): \(String(decoding: body, as: UTF8.self))")
      }
      try promise(Self.isMade(rendered, of: source), "made of \(event.id): \(String(decoding: body, as: UTF8.self))")
    }
    return "template"
  }

  private func isDeep(_ input: UnsafeRawBufferPointer) -> Bool {
    input.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") } > ReferenceJSON.nestingMax - 8
  }

  /// The same but for texts, which may be anything where they have a bracket.
  private static func isMade(_ made: ReferenceJSON, of source: ReferenceJSON) -> Bool {
    switch (source, made) {
    case (.object(let a), .object(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && isMade($1.value, of: $0.value) }
    case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy { isMade($1, of: $0) }
    case (.string(let text), .string(let other)): text == other || text.contains("{") || text.contains("}")
    case (.string(let text), _): text.contains("{")
    case (.number(let a), .number(let b)): a == b
    case (.bool(let a), .bool(let b)): a == b
    case (.null, .null): true
    default: false
    }
  }
}

/// Events of every kind, one with all that it may have and texts that want escapes.
enum FuzzEvents {
  private static let time = Timestamp(milliseconds: 1_763_684_820_000)

  static var all: [EventRecord] {
    let bare = alert(.raised)
    var whole = alert(.acknowledged)
    whole.zone = "hung-vuong"
    whole.ward = .init(code: "07210", validFrom: "2025-07-01", name: "Phường \"Bắc Giang\"\n\\")
    whole.device = .init(id: "bg-tr-001", name: "{data.alert}", profile: "radar", latitude: 21.2745, longitude: 106.199)
    whole.members = .init(devices: ["a", "b"], count: 2)
    (whole.metric, whole.unit, whole.value, whole.decimals) = ("speed", "km/h", 12.4, 1)
    whole.conditionValues = [.init(text: "mean(speed, 5m)", value: 12.4, decimals: 1)]
    whole.forecast = .init(metric: "level", limit: 90, crossesAt: time, slopePerHour: 1.5, fit: 0.98, decimals: 1)
    whole.acknowledged = .init(by: "Lan \u{1F6A6}", at: time, note: "đã cử {đội}\u{1}")
    whole.evidence = [.init(metric: "speed", decimals: 1, points: [(time, 14.1), (time + 60_000, 11)])]
    return [
      bare.record, whole.record,
      GatewayEvent.gap(instance: "bg-vy", cause: "session_lost", from: time, to: time + 5, count: 3, detail: "x", detectedAt: time),
      GatewayEvent.alive(instance: "bg-vy", sink: "ioc", lastSequence: 7, waiting: 2, now: time),
    ]
  }

  private static func alert(_ transition: AlertEvent.Transition) -> AlertEvent {
    AlertEvent(
      instance: "bg-vy", alert: "alert-1", transition: transition, nth: 1, revision: 1, state: .raised, severity: .major,
      subject: "bac-giang/traffic/bg-tr-001", site: "bac-giang",
      rule: .init(id: "slow", version: "v1", name: BilingualText(vi: "Ùn tắc", en: "Congestion")), time: time + 300_000, breachedAt: time,
      detectedAt: time + 300_250, conditionText: "mean(speed, 5m) < 15", message: BilingualText(vi: "12,4 km/h", en: "12.4 km/h"))
  }
}
