import DeviceRegistry
import Readings

/// What a rule in a plan, or a group's, says of itself when it is told.
struct Telling: Sendable {
  struct Value: Sendable {
    var text: String
    var code: CodeRange
    /// Decimals that people are shown.
    var decimals: Int
    var type: ValueType
  }
  /// Value functions and limits of when, clear and the escalations, in order, each once.
  var evidence: [Value] = []
  /// The expressions of the message.
  var message: [Value] = []
  /// Names of the limits of when, clear and the escalations, in order, each once.
  var limits: [String] = []
  /// The first trend of when.
  var trend: TrendTelling?
}

/// A trend that a condition looks at, and the limit that it goes towards.
struct TrendTelling: Sendable {
  var metric: String
  var decimals: Int
  var limit: CodeRange
  /// Milliseconds until the limit is crossed.
  var time: CodeRange
  var slope: CodeRange
  var fit: CodeRange
}

extension ExpressionCompiler {
  /// A value as it is told to people.
  mutating func told(_ expression: Expression) -> Telling.Value {
    Telling.Value(
      text: expression.canonical, code: compile(expression), decimals: decimals(of: expression), type: type(of: expression))
  }

  /// What a group computes of its members is its evidence; their own values are not.
  mutating func telling(of rule: Rule) -> Telling {
    let conditions = rule.conditions
    var telling = Telling()
    var seen: Set<String> = []
    for call in conditions.flatMap(\.calls) {
      guard let function = FunctionCatalog.signature(of: call) else { continue }
      let isShown = rule.group == nil ? call.metric != nil : function.scope == .group
      let expression = Expression(offset: 0, form: .call(call))
      if isShown || function.evaluated == .limit && (rule.group == nil || !rule.isOfMembers(call)),
        seen.insert(expression.canonical).inserted
      {
        telling.evidence.append(told(expression))
      }
    }
    telling.message = rule.message.expressions.map { told($0) }
    telling.limits = conditions.flatMap(\.limits).map(\.name).uniqued()
    if rule.group == nil { telling.trend = trend(in: rule.when.expression) }
    return telling
  }

  // MARK: How numbers are shown

  /// Decimals of the metrics in it and two more; none for counts and durations.
  private func decimals(of expression: Expression) -> Int {
    switch expression.form {
    case .call(let call): decimals(of: call)
    case .negate(let operand), .not(let operand): decimals(of: operand)
    case .binary(let op, let left, let right): max(op == .divide ? 2 : 0, decimals(of: left), decimals(of: right))
    case .attribute, .number: 2
    default: 0
    }
  }

  private func decimals(of call: Expression.Call) -> Int {
    guard let signature = FunctionCatalog.signature(of: call), signature.result == .number else { return 0 }
    switch signature.evaluated {
    case .count, .memberCount: return 0
    // Shares of 1.
    case .fit, .memberShare: return 4
    // As the regulation has it.
    case .limit: return 6
    case .memberMean: return Self.decimals(of: call.arguments[0].metrics.map(\.name), in: memberProfiles) + 2
    default: return Self.decimals(of: call.metric.map { [$0] } ?? [], in: profile.map { [$0] } ?? []) + 2
    }
  }

  private static func decimals(of metrics: [String], in profiles: [Profile]) -> Int {
    profiles.flatMap { profile in metrics.compactMap { profile.metricIndex($0) }.map { profile.metrics[$0].scale.decimals } }.max() ?? 0
  }

  private func type(of expression: Expression) -> ValueType {
    switch expression.form {
    case .duration: return .duration
    case .text: return .text
    case .call(let call): return FunctionCatalog.signature(of: call)?.result ?? .number
    case .negate(let operand): return type(of: operand)
    case .not: return .truth
    case .binary(let op, let left, let right):
      guard op.isArithmetic else { return .truth }
      let types = (type(of: left), type(of: right))
      if op == .divide { return types.0 == .duration && types.1 != .duration ? .duration : .number }
      return types.0 == .duration || types.1 == .duration ? .duration : .number
    default: return .number
    }
  }

  // MARK: Trends

  private mutating func trend(in expression: Expression) -> TrendTelling? {
    switch expression.form {
    case .call(let call):
      switch FunctionCatalog.signature(of: call)?.evaluated {
      case .timeAbove: return trend(of: call, towards: call.arguments[1], isAbove: true)
      case .timeBelow: return trend(of: call, towards: call.arguments[1], isAbove: false)
      default: return nil
      }
    case .not(let operand), .negate(let operand): return trend(in: operand)
    case .binary(let op, let left, let right):
      if op.isComparison, op != .equal, op != .notEqual {
        let isAbove = op == .greater || op == .greaterOrEqual
        if let call = forecast(left) { return trend(of: call, towards: right, isAbove: isAbove) }
        if let call = forecast(right) { return trend(of: call, towards: left, isAbove: op == .less || op == .lessOrEqual) }
      }
      return trend(in: left) ?? trend(in: right)
    default: return nil
    }
  }

  private func forecast(_ expression: Expression) -> Expression.Call? {
    guard case .call(let call) = expression.form, FunctionCatalog.signature(of: call)?.evaluated == .forecast else { return nil }
    return call
  }

  private mutating func trend(of call: Expression.Call, towards limit: Expression, isAbove: Bool) -> TrendTelling? {
    guard let metric = call.metric, let index = profile?.metricIndex(metric), let decimals = profile?.metrics[index].scale.decimals,
      let time = compile(isAbove ? .timeAbove : .timeBelow, of: call, operand: limit), let slope = compile(.slope, of: call),
      let fit = compile(.fit, of: call)
    else { return nil }
    return TrendTelling(metric: metric, decimals: decimals, limit: compile(limit), time: time, slope: slope, fit: fit)
  }
}

extension Rule {
  /// `when`, `clear` and the conditions of the escalations, in this order.
  var conditions: [Expression] {
    [when.expression] + (clear.map { [$0.expression] } ?? []) + policy.escalations.map(\.when.expression)
  }

  /// The functions of a group's members in its conditions and its message, in order, each once: what is computed of every member.
  var terms: [(text: String, argument: Expression)] {
    var seen: Set<String> = []
    return (conditions + message.expressions).flatMap(\.calls).compactMap { call in
      guard let signature = FunctionCatalog.signature(of: call), signature.scope == .group, let argument = call.arguments.first else {
        return nil
      }
      let text = Expression(offset: 0, form: .call(call)).canonical
      return seen.insert(text).inserted ? (text, argument) : nil
    }
  }

  /// Does the call stand inside of a group's function?
  func isOfMembers(_ call: Expression.Call) -> Bool {
    let text = Expression(offset: 0, form: .call(call)).canonical
    return terms.flatMap(\.argument.calls).contains { Expression(offset: 0, form: .call($0)).canonical == text }
  }
}
