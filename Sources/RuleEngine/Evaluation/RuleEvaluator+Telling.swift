import DeviceRegistry
package import Readings
package import SeriesStore

/// A value function of a condition, as evidence shows it.
package struct ConditionValue: Hashable, Sendable {
  /// Such as `mean(speed, 5m)`.
  package var text: String
  /// Durations in milliseconds; nil is unknown.
  package var value: Double?
  /// Decimals to round to.
  package var decimals: Int
  package init(text: String, value: Double?, decimals: Int) { (self.text, self.value, self.decimals) = (text, value, decimals) }
}

extension RuleEvaluator {
  /// The value functions of `when` and `clear` at T, in order of the text, each once. The first is the rule's headline.
  package mutating func values(of binding: Int, at t: Timestamp, heads: borrowing SeriesHeads) -> [ConditionValue] {
    let device = program.device(of: binding)
    var values: [ConditionValue] = []
    for value in telling(of: binding).evidence {
      let result = run(value.code, device: device, at: t.milliseconds, heads)
      values.append(ConditionValue(text: value.text, value: result.isNaN ? nil : result, decimals: value.decimals))
    }
    return values
  }

  /// The rule's message for its device at T.
  package mutating func message(of binding: Int, at t: Timestamp, heads: borrowing SeriesHeads) -> BilingualText {
    let device = program.device(of: binding)
    let told = telling(of: binding).message
    var results: [Double] = []
    for value in told { results.append(run(value.code, device: device, at: t.milliseconds, heads)) }
    let rule = program.book.rules[program.rule(of: binding)]
    let writer = MessageWriter(registry: program.registry, device: device, rule: rule, at: t)
    return BilingualText(
      vi: writer.text(rule.message.vi, told, results, isVietnamese: true),
      en: writer.text(rule.message.en, told, results, isVietnamese: false))
  }

  private func telling(of binding: Int) -> Telling {
    precondition(binding < program.bindingCount, "a binding of the program")
    return program.tellings[Int(program.bindings[binding].compiled)]
  }
}

/// Fills in a message for readers.
private struct MessageWriter {
  let registry: Registry
  let device: Int
  let rule: Rule
  let at: Timestamp

  init(registry: Registry, device: Int, rule: Rule, at t: Timestamp) {
    (self.registry, self.device, self.rule, at) = (registry, device, rule, t)
  }

  func text(_ segments: [MessageTemplate.Segment], _ told: [Telling.Value], _ results: [Double], isVietnamese: Bool) -> String {
    segments.map { segment in
      switch segment {
      case .literal(let text): text
      case .field(let field): self.field(field, isVietnamese: isVietnamese)
      case .expression(let index): shown(results[index], told[index], isVietnamese: isVietnamese)
      }
    }.joined()
  }

  private func field(_ field: MessageField, isVietnamese: Bool) -> String {
    let device = registry.devices[device]
    let profile = registry.profiles[device.profile]
    switch field {
    case .deviceID: return device.id
    case .deviceName: return device.name
    case .profile: return isVietnamese ? profile.name.vi : profile.name.en
    case .site: return device.site
    case .siteName: return registry.sites.first { $0.id == device.site }?.name ?? device.site
    case .zone: return device.zone ?? "–"
    case .ward: return device.ward(at: at).map { registry.wards[$0]?.name ?? $0.code } ?? "–"
    case .ruleName: return isVietnamese ? rule.name.vi : rule.name.en
    case .time: return at.forReaders
    }
  }

  private func shown(_ value: Double, _ told: Telling.Value, isVietnamese: Bool) -> String {
    guard !value.isNaN else { return "–" }
    if told.isDuration { return ReaderText.duration(value, isVietnamese: isVietnamese) }
    return ReaderText.number(value, decimals: told.decimals, isVietnamese: isVietnamese)
  }
}

/// Numbers and durations as people read them.
package enum ReaderText {
  /// Rounded, without needless zeros; a decimal comma in Vietnamese, a point in English.
  package static func number(_ value: Double, decimals: Int, isVietnamese: Bool) -> String {
    if value.isInfinite { return value < 0 ? "-∞" : "∞" }
    let text = JSONWriter.number(value.rounded(toDecimals: decimals))
    return isVietnamese ? text.replacing(".", with: ",") : text
  }

  /// The two largest units of a length in milliseconds: `2 giờ 5 phút`, `2 h 5 min`.
  package static func duration(_ milliseconds: Double, isVietnamese: Bool) -> String {
    guard abs(milliseconds) < 1e15 else { return milliseconds < 0 ? "-∞" : "∞" }
    let units: [(Int64, vi: String, en: String)] = [
      (86_400, "ngày", "d"), (3600, "giờ", "h"), (60, "phút", "min"), (1, "giây", "s"),
    ]
    var rest = Int64((abs(milliseconds) / 1000).rounded())
    var parts: [String] = []
    for unit in units {
      let count = rest / unit.0
      rest -= count * unit.0
      if count > 0 && parts.count < 2 { parts.append("\(count) \(isVietnamese ? unit.vi : unit.en)") } else if !parts.isEmpty { break }
    }
    let text = parts.isEmpty ? "0 \(isVietnamese ? "giây" : "s")" : parts.joined(separator: " ")
    return milliseconds < 0 && !parts.isEmpty ? "-\(text)" : text
  }
}
