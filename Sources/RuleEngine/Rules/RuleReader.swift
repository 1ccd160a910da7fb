import DeviceRegistry
import Readings

/// Reads one rule of a file, noting every fault with its place.
struct RuleReader {
  private static let keys: Set<String> = [
    "id", "name", "where", "when", "hold", "clear", "clear_hold", "severity", "escalate", "inhibited_by", "message", "advice", "for_each",
    "quorum", "flapping", "remind",
  ]
  static let longestHold: Milliseconds = 400 * 86_400_000

  let value: YAMLValue
  private let lines: [[Unicode.Scalar]]
  let registry: Registry
  let tables: RuleTables
  let map: [String: YAMLValue]
  private let scope: TypeChecker.Scope
  /// Ids of rules that this one names.
  private(set) var references: [(id: String, place: YAMLValue)] = []
  private(set) var warnings: [FileFault] = []
  /// Devices that the rule is evaluated for.
  var boundDevices = 0

  init(_ value: YAMLValue, lines: [[Unicode.Scalar]], registry: Registry, tables: RuleTables) {
    (self.value, self.lines, self.registry, self.tables) = (value, lines, registry, tables)
    map = value.mapping(keys: Self.keys) ?? [:]
    scope = map["for_each"] == nil ? .device : .group
  }

  func id() -> String? { required("id")?.identifier() }

  /// nil where the rule has a fault.
  mutating func read(id: String) -> Rule? {
    let faultsBefore = value.faults.faults.count
    let matcher = map["where"].map { readMatcher($0) } ?? DeviceMatcher()
    let when = required("when").flatMap { readCondition($0) }
    let clear = map["clear"].flatMap { readCondition($0) }
    let hold = map["hold"].flatMap(readHold) ?? 0
    let clearHold = map["clear_hold"].flatMap(readHold) ?? 0
    let severity = required("severity").flatMap(readSeverity)
    let name = map["name"].flatMap { $0.bilingual() } ?? BilingualText(vi: id, en: id)
    let (message, places) = map["message"].map(readMessage) ?? (MessageTemplate.fixed(name), [])
    let advice = map["advice"].flatMap { $0.bilingual() }
    if let advice, max(advice.vi.utf8.count, advice.en.utf8.count) > 4096 { map["advice"]?.fault("advice has at most 4096 bytes") }
    var escalations: [PlacedExpression] = []
    let policy = readPolicy(&escalations)
    let group = readGroup()
    guard let when, let severity, value.faults.faults.count == faultsBefore else { return nil }
    let rule = Rule(
      id: id, name: name, matcher: matcher, when: when.condition, clear: clear?.condition, hold: hold, clearHold: clearHold,
      severity: severity, policy: policy, group: group, message: message, advice: advice,
      place: FileFault(file: value.file, line: value.line, column: value.column, message: ""))
    let conditions = [when, clear].compactMap { $0 }.map { PlacedExpression($0.condition.expression, $0.places) }
    bind(rule, expressions: conditions + escalations, message: places)
    return value.faults.faults.count == faultsBefore ? rule : nil
  }

  private func required(_ key: String) -> YAMLValue? {
    if map[key] == nil { value.fault("\"\(key)\" is missing in this rule") }
    return map[key]
  }

  private func readHold(_ value: YAMLValue) -> Milliseconds? {
    guard let length = value.duration() else { return nil }
    if length > Self.longestHold { value.fault("a hold is at most \(DurationText.text(Self.longestHold))") }
    return length
  }

  private func readSeverity(_ value: YAMLValue) -> Severity? {
    value.word(["info": .info, "minor": .minor, "major": .major, "critical": .critical])
  }

  // MARK: Expressions

  private func readCondition(_ value: YAMLValue) -> (condition: Condition, places: ScalarPlaces)? {
    guard let text = value.text() else { return nil }
    let places = ScalarPlaces(of: value, lines: lines)
    do throws(LanguageFault) {
      let expression = try ExpressionParser.parse(text)
      let found = TypeChecker.faults(in: expression, wanted: [.truth], as: "a rule wants a condition here", scope: scope)
      for fault in found { note(fault, at: places, in: value) }
      return found.isEmpty ? (Condition(source: text.trimmed, expression: expression), places) : nil
    } catch {
      note(error, at: places, in: value)
      return nil
    }
  }

  private func note(_ fault: LanguageFault, at places: ScalarPlaces, in value: YAMLValue) {
    let place = places.place(at: fault.offset)
    value.faults.add(FileFault(file: value.file, line: place.line, column: place.column, message: fault.message))
  }

  private func readMessage(_ value: YAMLValue) -> (MessageTemplate, [PlacedExpression]) {
    var message = MessageTemplate()
    var placed: [PlacedExpression] = []
    func language(_ text: YAMLValue?) -> [MessageTemplate.Segment] {
      guard let text, let string = text.text() else { return [] }
      let places = ScalarPlaces(of: text, lines: lines)
      var parser = TemplateParser(scope: scope)
      let segments = parser.parse(string, known: &message.expressions)
      for fault in parser.faults { note(fault, at: places, in: text) }
      placed += parser.expressions.map { PlacedExpression($0.expression, places, offset: $0.offset) }
      return segments
    }
    guard value.isMapping else {
      message.vi = language(value)
      message.en = message.vi
      return (message, placed)
    }
    let map = value.mapping(keys: ["vi", "en"]) ?? [:]
    if map.isEmpty { value.fault("expected {vi: …, en: …}") }
    message.vi = language(map["vi"] ?? map["en"])
    message.en = map["vi"] != nil && map["en"] != nil ? language(map["en"]) : message.vi
    return (message, placed)
  }

  // MARK: where

  private mutating func readMatcher(_ value: YAMLValue) -> DeviceMatcher {
    var matcher = DeviceMatcher()
    let parts = DeviceMatcher.Part.allCases
    guard let map = value.mapping(keys: Set(parts.map(\.rawValue) + ["attributes"])) else { return matcher }
    for part in parts {
      guard let given = map[part.rawValue] else { continue }
      let known = DeviceMatcher.known(part, in: registry)
      let texts = given.listOrOne().compactMap { entry in entry.text().map { (entry, $0) } }
      if texts.isEmpty { given.fault("\"\(part.rawValue)\" wants a value or a list of values") }
      for (entry, text) in texts where !known.contains(text) {
        warn(entry, "no device has \(part.rawValue) \(text)\(CloseNames.hint(for: text, among: known))")
      }
      matcher.parts[part] = Set(texts.map(\.1))
    }
    for (key, given) in map["attributes"]?.openMapping() ?? [] {
      guard let name = key.text() else { continue }
      matcher.attributes[name] = Set(given.listOrOne().compactMap { $0.text().map(AttributeValue.init(text:)) })
    }
    return matcher
  }

  mutating func warn(_ place: YAMLValue, _ message: String) {
    warnings.append(FileFault(file: place.file, line: place.line, column: place.column, message: message))
  }

  // MARK: The life of alerts, and groups

  /// - Parameter placed: gets the conditions of the escalations.
  private mutating func readPolicy(_ placed: inout [PlacedExpression]) -> AlertPolicy {
    var policy = AlertPolicy()
    for entry in map["escalate"]?.listOrOne() ?? [] {
      guard let step = entry.mapping(keys: ["severity", "when", "hold"]) else { continue }
      if step["severity"] == nil { entry.fault("\"severity\" is missing in this step") }
      if step["when"] == nil { entry.fault("\"when\" is missing in this step") }
      let hold = step["hold"].flatMap(readHold) ?? 0
      guard let severity = step["severity"].flatMap(readSeverity), let when = step["when"].flatMap(readCondition) else { continue }
      placed.append(PlacedExpression(when.condition.expression, when.places))
      policy.escalations.append(AlertPolicy.Escalation(severity: severity, when: when.condition, hold: hold))
    }
    for entry in map["inhibited_by"]?.listOrOne() ?? [] {
      guard let by = entry.mapping(keys: ["rule", "same"]) else { continue }
      let same = by["same"]?.word(["device": AlertPolicy.Inhibition.Same.device, "zone": .zone, "site": .site]) ?? .device
      if let rule = by["rule"], let id = rule.identifier() {
        references.append((id, rule))
        policy.inhibitions.append(AlertPolicy.Inhibition(rule: id, same: same))
      } else {
        entry.fault("\"rule\" is missing here")
      }
    }
    if let flapping = map["flapping"], let parts = flapping.mapping(keys: ["turns", "within"]) {
      if parts["turns"] == nil { flapping.fault("\"turns\" is missing here") }
      if parts["within"] == nil { flapping.fault("\"within\" is missing here") }
      if let turns = parts["turns"]?.integer(in: 2...1000), let within = parts["within"].flatMap(readHold) {
        policy.flapping = AlertPolicy.Flapping(turns: turns, within: within)
      }
    }
    policy.remind = map["remind"].flatMap(readHold)
    if let remind = policy.remind, remind < 60_000 { map["remind"]?.fault("reminders come at whole minutes: at least 1m") }
    return policy
  }

  private func readGroup() -> GroupScope? {
    let before = value.faults.faults.count
    let kind = map["for_each"]?.word(["zone": GroupScope.Kind.zone, "ward": .ward, "site": .site])
    if let quorum = map["quorum"], let share = quorum.number(), !(share > 0 && share <= 1) {
      quorum.fault("a quorum is a share above 0, at most 1")
    }
    if map["quorum"] != nil, scope == .device { map["quorum"]?.fault("a quorum is for groups: add for_each: zone, ward or site") }
    guard value.faults.faults.count == before else { return nil }
    return kind.map { GroupScope(kind: $0, quorum: map["quorum"]?.number() ?? 0.5) }
  }
}

/// An expression with the place of its text in the file.
struct PlacedExpression {
  let expression: Expression
  let places: ScalarPlaces
  /// Where the expression begins in the scalar.
  let offset: Int

  init(_ expression: Expression, _ places: ScalarPlaces, offset: Int = 0) {
    (self.expression, self.places, self.offset) = (expression, places, offset)
  }
}

extension AttributeValue {
  var isNumber: Bool {
    if case .number = self { return true }
    return false
  }
}
