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

/// The limit that a condition was compared with.
package struct UsedLimit: Hashable, Sendable {
  package var name: String
  /// nil: the device's own.
  package var regulation: String?
  package var value: Double
  /// As the table has it.
  package var unit: String
  /// `yyyy-MM-dd`; nil where nothing is said of it.
  package var validFrom: String?

  package init(name: String, regulation: String?, value: Double, unit: String, validFrom: String?) {
    (self.name, self.regulation, self.value, self.unit, self.validFrom) = (name, regulation, value, unit, validFrom)
  }
}

/// Where the trend of a condition leads.
package struct RuleForecast: Hashable, Sendable {
  package var metric: String
  package var limit: Double
  /// T itself where the line is beyond the limit already; nil where it does not come nearer.
  package var crossesAt: Timestamp?
  /// In the metric's unit.
  package var slopePerHour: Double
  /// R².
  package var fit: Double
  package var decimals: Int

  package init(metric: String, limit: Double, crossesAt: Timestamp?, slopePerHour: Double, fit: Double, decimals: Int) {
    (self.metric, self.limit, self.crossesAt) = (metric, limit, crossesAt)
    (self.slopePerHour, self.fit, self.decimals) = (slopePerHour, fit, decimals)
  }
}

extension RuleEvaluator {
  /// The value functions and limits of `when`, `clear` and the escalations at T, in order of the text, each once; of a group the
  /// functions of its members. The rule's headline is the first of a device, the first mean of a group.
  package mutating func values(of binding: Int, at t: Timestamp, heads: borrowing SeriesHeads) -> [ConditionValue] {
    let subject = subject(of: binding)
    var values: [ConditionValue] = []
    for value in telling(of: binding).evidence {
      let result = run(value.code, for: subject, at: t.milliseconds, heads)
      let isUnknown = result.isNaN || value.type == .truth && result == Truth.unknown.level
      values.append(ConditionValue(text: value.text, value: isUnknown ? nil : result, decimals: value.decimals))
    }
    return values
  }

  /// The rule's message for its device or group at T.
  package mutating func message(of binding: Int, at t: Timestamp, heads: borrowing SeriesHeads) -> BilingualText {
    let subject = subject(of: binding)
    let told = telling(of: binding).message
    var results: [Double] = []
    for value in told { results.append(run(value.code, for: subject, at: t.milliseconds, heads)) }
    let writer = MessageWriter(program: program, binding: binding, at: t)
    let message = program.book.rules[program.rule(of: binding)].message
    return BilingualText(
      vi: writer.text(message.vi, told, results, isVietnamese: true), en: writer.text(message.en, told, results, isVietnamese: false))
  }

  /// The limits that the rule's conditions are compared with at T, `when` first, in order of the text; those without a row then are not
  /// among them.
  package func limits(of binding: Int, at t: Timestamp) -> [UsedLimit] {
    let table = program.book.limits
    let own = program.group(of: binding) == nil ? program.registry.devices[program.device(of: binding)].limits : [:]
    return telling(of: binding).limits.compactMap { name in
      if let value = own[name] {
        return UsedLimit(name: name, regulation: nil, value: value, unit: table.rows(named: name).last?.unit ?? "", validFrom: nil)
      }
      guard let row = table.row(named: name, at: t) else { return nil }
      return UsedLimit(name: name, regulation: row.regulation, value: row.value, unit: row.unit, validFrom: row.validFrom)
    }
  }

  /// Where the first trend of `when` leads at T: of a time_above or time_below, or of a forecast that is compared with something. nil
  /// where the condition has none, and where it is unknown.
  package mutating func forecast(of binding: Int, at t: Timestamp, heads: borrowing SeriesHeads) -> RuleForecast? {
    let subject = subject(of: binding)
    guard let trend = telling(of: binding).trend else { return nil }
    let limit = run(trend.limit, for: subject, at: t.milliseconds, heads)
    let time = run(trend.time, for: subject, at: t.milliseconds, heads)
    let slope = run(trend.slope, for: subject, at: t.milliseconds, heads)
    let fit = run(trend.fit, for: subject, at: t.milliseconds, heads)
    guard !time.isNaN, !slope.isNaN, !fit.isNaN else { return nil }
    // Beyond the times that can be written it does not come nearer either.
    let crossesAt = Double(t.milliseconds) + time.rounded()
    let isPlausible = crossesAt <= Double(Timestamp.plausible.upperBound)
    return RuleForecast(
      metric: trend.metric, limit: limit, crossesAt: isPlausible ? Timestamp(milliseconds: Int64(crossesAt)) : nil, slopePerHour: slope,
      fit: fit, decimals: trend.decimals)
  }

  private func subject(of binding: Int) -> Int {
    precondition(binding < program.bindingCount, "a binding of the program")
    return Int(bindings[binding].subject)
  }

  private func telling(of binding: Int) -> Telling {
    precondition(binding < program.bindingCount, "a binding of the program")
    return program.tellings[Int(bindings[binding].compiled)]
  }
}
