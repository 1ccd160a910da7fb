import DeviceRegistry
import Readings

/// Reads one scenario, noting every fault with its place.
struct RuleScenarioReader {
  static let keys: Set<String> = ["name", "rule", "device", "devices", "start", "data", "commands", "expect"]
  static let commandKeys: Set<String> = ["at", "ack", "close", "silence", "unsilence", "intake", "by", "note", "device"]

  private let value: YAMLValue
  private let registered: Registry

  init(_ value: YAMLValue, registry: Registry) { (self.value, registered) = (value, registry) }

  func read() -> RuleScenario? {
    guard let map = value.mapping(keys: Self.keys), let name = required("name", map)?.bilingual(),
      let registry = readDevices(map), let data = required("data", map), let expect = required("expect", map)
    else { return nil }
    let start = map["start"].map(readInstant) ?? Self.usualStart
    guard let start else { return nil }
    let timeline = ScenarioTimeline(registry: registry, start: start)
    let (messages, end) = timeline.read(data)
    let rules = (map["rule"]?.listOrOne() ?? []).compactMap { $0.identifier() }
    let actions = (map["commands"]?.list() ?? []).compactMap { readCommand($0, from: start) }
    let expectations = (expect.list() ?? []).compactMap { readExpectation($0, rules: rules, from: start, until: end) }
    // What is done at an instant is done after its readings.
    let steps = messages + actions
    let order = steps.indices.sorted { (steps[$0].at, $0) < (steps[$1].at, $1) }
    return RuleScenario(
      name: name, rules: rules, registry: registry, start: start, end: max(end, actions.map(\.at).max() ?? end),
      steps: order.map { steps[$0] }, expectations: expectations, place: value.place)
  }

  /// 21/11/2025 07:00: a Friday.
  private static let usualStart = Timestamp(rfc3339: "2025-11-21T07:00:00+07:00")

  // MARK: Devices

  private func readDevices(_ map: [String: YAMLValue]) -> Registry? {
    let entries = (map["device"].map { [$0] } ?? []) + (map["devices"]?.list() ?? [])
    if entries.isEmpty { value.fault("name a \"device\": a registered one's id, or {profile: …, site: …} for one of the scenario's own") }
    var ids: [String] = []
    var made: [(id: String, entry: YAMLValue)] = []
    for (number, entry) in entries.enumerated() {
      if entry.isMapping {
        made.append(("device-\(number + 1)", entry))
      } else if let id = entry.identifier() {
        if registered.deviceIndex(id) == nil { entry.fault("no device \(id) is registered") }
        ids.append(id)
      }
    }
    let registry = registered.only(ids, adding: made, faults: value.faults)
    return registry.devices.isEmpty ? nil : registry
  }

  // MARK: Times

  private func readInstant(_ value: YAMLValue) -> Timestamp? {
    guard let text = value.string, let instant = Timestamp(rfc3339: text), Timestamp.plausible.contains(instant.milliseconds) else {
      value.fault("expected an instant such as 2025-11-21T07:00:00+07:00, got \(value.shown)")
      return nil
    }
    return instant
  }

  /// `07:16`, `07:16:30`, `+16m` or RFC 3339.
  private func readTime(_ value: YAMLValue, from start: Timestamp) -> Timestamp? {
    let text = value.string ?? ""
    if text.hasPrefix("+"), let offset = DurationText.milliseconds(String(text.dropFirst())) { return start + offset }
    if let instant = Timestamp(rfc3339: text) { return instant }
    let padded = text.count == 5 ? text + ":00" : text
    guard text.count == 5 || text.count == 8, let onDay = Timestamp(rfc3339: "\(start.rfc3339.prefix(10))T\(padded)+07:00") else {
      value.fault("expected a time such as 07:16, 07:16:30, +16m from the start, or RFC 3339, got \(value.shown)")
      return nil
    }
    return onDay >= start ? onDay : onDay + 86_400_000
  }

  // MARK: Expectations

  private static let transitions = ["raised", "escalated", "cleared", "acknowledged", "flapping", "reminder"]

  private func readExpectation(_ value: YAMLValue, rules: [String], from start: Timestamp, until end: Timestamp) -> RuleScenario
    .Expectation?
  {
    guard let map = value.mapping(keys: ["at", "rule", "transition", "severity", "device", "subject"]),
      let time = required("at", map, of: value).flatMap({ readTime($0, from: start) })
    else { return nil }
    if time < start || time > end {
      map["at"]?.fault("\(time.withSeconds) is outside the scenario's data, which ends at \(end.withSeconds)")
    }
    guard let rule = map["rule"].map({ $0.identifier() }) ?? (rules.count == 1 ? rules[0] : nil) else {
      if map["rule"] == nil { value.fault("\"rule\" is missing; it may be left out where the scenario names one rule") }
      return nil
    }
    if !rules.isEmpty, !rules.contains(rule) {
      map["rule"]?.fault("the scenario looks at \(rules.joined(separator: ", ")) alone; add \(rule) to its \"rule\"")
    }
    let transition = map["transition"].map { $0.string ?? "" } ?? "raised"
    if !Self.transitions.contains(transition) {
      map["transition"]?.fault("expected \(Self.transitions.joined(separator: ", ")), got \"\(transition)\"")
    }
    let severity = map["severity"].flatMap { value in
      value.word(["info": Severity.info, "minor": .minor, "major": .major, "critical": .critical])
    }
    let subject = map["device"]?.identifier() ?? map["subject"]?.text()
    return RuleScenario.Expectation(at: time, rule: rule, transition: transition, severity: severity, subject: subject, place: value.place)
  }

  // MARK: Commands

  private func readCommand(_ value: YAMLValue, from start: Timestamp) -> (at: Timestamp, step: RuleScenario.Step)? {
    guard let map = value.mapping(keys: Self.commandKeys), let at = required("at", map, of: value).flatMap({ readTime($0, from: start) })
    else { return nil }
    let verbs = ["ack", "close", "silence", "unsilence", "intake"].filter { map[$0] != nil }
    guard verbs.count == 1, let verb = verbs.first, let subject = map[verb] else {
      value.fault("a command is one of ack, close, silence, unsilence, intake")
      return nil
    }
    let rest = ["by", "note"].compactMap { key in map[key].map { (key: key, json: $0.json) } }
    let action: RuleScenario.Action
    switch verb {
    case "intake":
      guard let isUp = subject.word(["up": true, "down": false]) else { return nil }
      action = .intake(isUp: isUp)
    case "ack", "close":
      guard let rule = subject.identifier() else { return nil }
      action = .ofAlert(verb: verb, rule: rule, device: map["device"]?.identifier(), rest: rest)
    default:
      let fields = [(key: verb, json: subject.json)] + rest
      action = .command(json: "{" + fields.map { "\"\($0.key)\":\($0.json)" }.joined(separator: ",") + "}")
    }
    return (at, .action(action, place: value.place))
  }

  private func required(_ key: String, _ map: [String: YAMLValue], of owner: YAMLValue? = nil) -> YAMLValue? {
    if map[key] == nil { (owner ?? value).fault("\"\(key)\" is missing") }
    return map[key]
  }
}

extension YAMLValue {
  /// Where it stands; its message says nothing.
  var place: FileFault { FileFault(file: file, line: line, column: column, message: "") }

  /// As JSON: mappings and lists as they are, every scalar a text.
  var json: String {
    var writer = JSONWriter()
    write(into: &writer)
    return writer.text
  }

  private func write(into json: inout JSONWriter) {
    if isMapping {
      json.object { json in
        for (key, value) in openMapping() ?? [] {
          json.key(key.string ?? "")
          value.write(into: &json)
        }
      }
    } else if isList {
      json.array { json in for value in list() ?? [] { value.write(into: &json) } }
    } else {
      json.value(string ?? "")
    }
  }
}
