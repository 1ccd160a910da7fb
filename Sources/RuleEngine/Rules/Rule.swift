import Crypto
package import DeviceRegistry
package import Readings

/// A condition as a rule states it.
package struct Condition: Sendable {
  /// As the file has it, without white space at its ends.
  package var source: String
  package var expression: Expression
  /// In the one way of writing it.
  package var canonical: String { expression.canonical }
}

/// A rule, read and checked.
package struct Rule: Sendable {
  /// What an event shows as its `metric` and `value`.
  package struct Headline: Sendable, Equatable {
    package var metric: String
    /// The first call of `when` that reads a metric, such as `mean(speed, 5m)`, for a group its first mean of members' values: the text
    /// of its `ConditionValue`.
    package var text: String
    package init(metric: String, text: String) { (self.metric, self.text) = (metric, text) }
  }

  package var id: String
  package var name: BilingualText
  package var matcher: DeviceMatcher
  package var when: Condition
  /// nil: the rule clears when `when` is false.
  package var clear: Condition?
  package var hold: Milliseconds
  package var clearHold: Milliseconds
  package var severity: Severity
  package var policy: AlertPolicy
  /// nil: the rule is for single devices.
  package var group: GroupScope?
  package var message: MessageTemplate
  package var advice: BilingualText?
  /// Where the rule begins; its message says nothing.
  package var place: FileFault

  /// Reads the clock (age and the like) or is a group's, so that it is evaluated at ticks too.
  package let usesClock: Bool
  /// The metrics that `when`, `clear` and the escalations read, in order of first use: a new newest good reading of one evaluates the rule.
  package let metrics: [String]
  package let headline: Headline?
  /// First 12 hex digits of SHA-256 over what decides the rule's behaviour; names, messages and layout do not change it.
  package let version: String

  init(
    id: String, name: BilingualText, matcher: DeviceMatcher, when: Condition, clear: Condition?, hold: Milliseconds,
    clearHold: Milliseconds, severity: Severity, policy: AlertPolicy = AlertPolicy(), group: GroupScope? = nil,
    message: MessageTemplate, advice: BilingualText?, place: FileFault
  ) {
    (self.id, self.name, self.matcher, self.when, self.clear) = (id, name, matcher, when, clear)
    (self.hold, self.clearHold, self.severity) = (hold, clearHold, severity)
    (self.policy, self.group) = (policy, group)
    (self.message, self.advice, self.place) = (message, advice, place)
    let expressions = [when.expression] + (clear.map { [$0.expression] } ?? []) + policy.escalations.map(\.when.expression)
    let calls = expressions.flatMap(\.calls)
    usesClock = group != nil || calls.contains { FunctionCatalog.signature(of: $0)?.readsClock == true }
    metrics = expressions.flatMap(\.metrics).map(\.name).uniqued()
    headline = when.expression.calls.lazy.compactMap { Rule.headline($0, isOfGroup: group != nil) }.first
    version = Rule.version(
      of: [
        matcher.canonical, when.canonical, "\(hold)", clear?.canonical ?? "", "\(clearHold)", severity.name,
      ] + policy.versionParts + (group?.versionParts ?? []))
  }

  /// A group's is the first mean of its members' values: a share or a number of members is no value of a metric.
  private static func headline(_ call: Expression.Call, isOfGroup: Bool) -> Headline? {
    let isShown = isOfGroup ? FunctionCatalog.signature(of: call)?.evaluated == .memberMean : call.metric != nil
    let expression = Expression(offset: 0, form: .call(call))
    guard isShown, let metric = expression.metrics.first?.name else { return nil }
    return Headline(metric: metric, text: expression.canonical)
  }

  private static func version(of parts: [String]) -> String {
    let digest = SHA256.hash(data: Array(parts.joined(separator: "\n").utf8))
    let digits = Array("0123456789abcdef")
    return String(digest.prefix(6).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}

extension Expression.Call {
  /// The metric that it reads, where it reads one.
  var metric: String? {
    guard FunctionCatalog.kinds(of: self).first == .metric, case .name(let name)? = arguments.first?.form else { return nil }
    return name
  }

  /// The window it looks back over; 0 where it has none.
  var window: Milliseconds {
    for case .duration(let length) in arguments.map(\.form) { return length }
    return 0
  }
}

extension Sequence where Element: Hashable {
  /// Each element once, where it came first.
  func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}

/// All rules of a gateway, in order of id, but that those which inhibit others come before them.
package struct RuleBook: Sendable {
  package var rules: [Rule] = []
  package var limits = LimitTable.empty
  package var holidays = HolidayTable.empty
  /// What loads but deserves a look: rules that match no device, names that nobody has, files that are not read.
  package var warnings: [FileFault] = []

  package static let empty = RuleBook()

  package func index(of id: String) -> Int? { rules.firstIndex { $0.id == id } }
}
