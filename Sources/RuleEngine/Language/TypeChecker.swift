import DeviceRegistry
import Readings

/// Finds the type of an expression, and everything in it that cannot be meant.
struct TypeChecker {
  /// Where an expression stands.
  enum Scope {
    /// In a rule for single devices.
    case device
    /// In a rule with `for_each`, outside of count, share and mean.
    case group
    /// Inside of those, where the members' values stand.
    case member
  }

  private(set) var faults: [LanguageFault] = []
  private var unsupported: [LanguageFault] = []
  private var scope: Scope

  private init(scope: Scope) { self.scope = scope }

  /// The faults of an expression that shall be of one of the types named. Functions that nothing evaluates yet are reported where the
  /// expression is right otherwise.
  static func faults(in expression: Expression, wanted: Set<ValueType>, as role: String, scope: Scope) -> [LanguageFault] {
    var checker = TypeChecker(scope: scope)
    if let type = checker.type(of: expression), !wanted.contains(type) {
      checker.fault(expression, "\(role), got \(type.shown): \(checker.shown(expression))")
    }
    return checker.faults.isEmpty ? checker.unsupported : checker.faults
  }

  private mutating func fault(_ place: Expression, _ message: String) {
    faults.append(LanguageFault(offset: place.offset, message: message))
  }

  private func shown(_ expression: Expression) -> String {
    let text = expression.canonical
    return text.count > 60 ? "\(text.prefix(59))…" : text
  }

  /// nil where a fault inside was noted already.
  private mutating func type(of expression: Expression) -> ValueType? {
    switch expression.form {
    case .number: return .number
    case .duration: return .duration
    case .text: return .text
    case .attribute:
      if scope == .group { fault(expression, "an attribute is a member's: put it inside count(…), share(…) or mean(…)") }
      return .number
    case .timeOfDay:
      fault(expression, "a time of day stands in between(06:00, 22:00) alone")
      return nil
    case .name(let name):
      fault(expression, nameAlone(name))
      return nil
    case .negate(let operand): return typeOfNegation(operand)
    case .not(let operand):
      guard let type = type(of: operand) else { return nil }
      if type == .truth { return .truth }
      fault(operand, "\"not\" wants a condition, got \(type.shown): \(shown(operand))")
      return nil
    case .binary(let op, let left, let right): return typeOfBinary(op, left, right)
    case .call(let call): return typeOfCall(call, at: expression)
    }
  }

  private func nameAlone(_ name: String) -> String {
    if name == "true" || name == "false" { return "\"\(name)\" has no meaning here: write a condition such as last(door) == 1" }
    if FunctionCatalog.names.contains(name) { return "\(name) is a function: write \(name)(…)" }
    return "\(name) alone is no value: write last(\(name)) or mean(\(name), 5m)"
  }

  private mutating func typeOfNegation(_ operand: Expression) -> ValueType? {
    guard let type = type(of: operand) else { return nil }
    if type == .number || type == .duration { return type }
    fault(operand, "\"-\" wants a number or a duration, got \(type.shown): \(shown(operand))")
    return nil
  }

  private mutating func typeOfBinary(_ op: BinaryOperator, _ left: Expression, _ right: Expression) -> ValueType? {
    let types = (type(of: left), type(of: right))
    guard let a = types.0, let b = types.1 else { return nil }
    if op == .and || op == .or {
      for (side, type) in [(left, a), (right, b)] where type != .truth {
        fault(side, "\"\(op.rawValue)\" wants conditions, got \(type.shown): \(shown(side))")
      }
      return a == .truth && b == .truth ? .truth : nil
    }
    return op.isComparison ? typeOfComparison(op, (left, a), (right, b)) : typeOfArithmetic(op, (left, a), (right, b))
  }

  private mutating func typeOfComparison(
    _ op: BinaryOperator, _ left: (Expression, ValueType), _ right: (Expression, ValueType)
  ) -> ValueType? {
    switch (left.1, right.1) {
    case (.number, .number), (.duration, .duration): return .truth
    case (.text, .text):
      guard op == .equal || op == .notEqual else {
        fault(left.0, "status texts compare with == and != alone")
        return nil
      }
      for side in [left.0, right.0] {
        if case .text(let text) = side.form, Quality(text: text) == nil {
          fault(side, "\(shown(side)) is no status: write two digits such as \"02\", or \"range\"")
          return nil
        }
      }
      return .truth
    case (.truth, _), (_, .truth):
      let side = left.1 == .truth ? left.0 : right.0
      fault(side, "\(shown(side)) is a condition already: combine conditions with and, or, not")
    case (.duration, .number): fault(right.0, "\(shown(left.0)) is a duration: compare it with one such as 10m, not with \(shown(right.0))")
    case (.number, .duration): fault(right.0, "\(shown(left.0)) is a number: compare it with a number, not with \(shown(right.0))")
    case (.text, _): fault(right.0, "\(shown(left.0)) is a status text: compare it with one such as \"02\", not with \(shown(right.0))")
    case (_, .text): fault(right.0, "\(shown(left.0)) is \(left.1.shown): it does not compare with the text \(shown(right.0))")
    }
    return nil
  }

  private mutating func typeOfArithmetic(
    _ op: BinaryOperator, _ left: (Expression, ValueType), _ right: (Expression, ValueType)
  ) -> ValueType? {
    switch (op, left.1, right.1) {
    case (_, .number, .number): return .number
    case (.add, .duration, .duration), (.subtract, .duration, .duration): return .duration
    case (.multiply, .duration, .number), (.multiply, .number, .duration), (.divide, .duration, .number): return .duration
    case (.divide, .duration, .duration): return .number
    default: break
    }
    for (side, type) in [left, right] where type == .truth || type == .text {
      fault(side, "\"\(op.rawValue)\" wants numbers, got \(type.shown): \(shown(side))")
      return nil
    }
    fault(
      right.0, "\"\(op.rawValue)\" does not take \(left.1.shown) and \(right.1.shown): \(shown(left.0)) \(op.rawValue) \(shown(right.0))")
    return nil
  }

  // MARK: Calls

  private mutating func typeOfCall(_ call: Expression.Call, at place: Expression) -> ValueType? {
    guard let signature = FunctionCatalog.signature(of: call) else {
      fault(place, "no function \(call.function)\(CloseNames.hint(for: call.function, among: FunctionCatalog.names))")
      return nil
    }
    guard signature.parameters.count == call.arguments.count else {
      let count =
        signature.parameters.isEmpty ? "no argument" : "\(signature.parameters.count) argument\(signature.parameters.count == 1 ? "" : "s")"
      fault(place, "\(call.function) wants \(count), \(signature.usage), got \(call.arguments.count)")
      return nil
    }
    guard isInScope(signature, call, at: place) else { return nil }
    let outer = scope
    if signature.scope == .group { scope = .member }
    defer { scope = outer }
    let before = faults.count
    for (argument, kind) in zip(call.arguments, signature.parameters) { check(argument, is: kind, of: call.function) }
    if signature.evaluated == .between, faults.count == before, call.arguments[0].canonical == call.arguments[1].canonical {
      fault(call.arguments[1], "between wants two different times: all day needs no condition")
    }
    if signature.evaluated == nil {
      unsupported.append(LanguageFault(offset: place.offset, message: "\(call.function) is not yet supported"))
    }
    return faults.count == before ? signature.result : nil
  }

  private mutating func isInScope(_ signature: FunctionSignature, _ call: Expression.Call, at place: Expression) -> Bool {
    switch (signature.scope, scope) {
    case (.group, .device):
      fault(place, "\(signature.usage) is for groups: add for_each: zone, ward or site\(ofOneDevice(signature))")
      return false
    case (.group, .member):
      fault(place, "\(signature.usage) cannot stand inside of another group's function")
      return false
    case (.device, .group) where signature.isOfDevice:
      fault(place, "\(call.function)(…) is a member's value: put it inside count(…), share(…) or mean(…)")
      return false
    default: return true
    }
  }

  private func ofOneDevice(_ signature: FunctionSignature) -> String {
    guard let other = FunctionCatalog.all.first(where: { $0.name == signature.name && $0.scope == .device }) else { return "" }
    return ", or write \(other.usage)"
  }

  private mutating func check(_ argument: Expression, is kind: ArgumentKind, of function: String) {
    switch (kind, argument.form) {
    case (.metric, .name(let name)), (.limitName, .name(let name)):
      if !Identifier.isMetric(name) {
        fault(argument, "\(name) is no name: a lower-case letter, then lower-case letters, digits and \"_\"")
      }
    case (.window(let longest), .duration(let length)):
      if length <= 0 { fault(argument, "\(function) wants a duration above 0") }
      if length > longest { fault(argument, "\(function) looks back at most \(DurationText.text(longest)), got \(shown(argument))") }
    case (.horizon(let longest), .duration(let length)):
      if length <= 0 { fault(argument, "\(function) wants a duration above 0") }
      if length > longest { fault(argument, "\(function) looks ahead at most \(DurationText.text(longest)), got \(shown(argument))") }
    case (.timeOfDay, .timeOfDay): break
    case (.number, .timeOfDay), (.condition, .timeOfDay), (.number, .name), (.condition, .name):
      fault(argument, "\(function) wants \(kind.shown), got \(shown(argument))")
    case (.number, _), (.condition, _):
      let wanted: ValueType = kind == .number ? .number : .truth
      if let type = type(of: argument), type != wanted { fault(argument, "\(function) wants \(kind.shown), got \(shown(argument))") }
    default: fault(argument, "\(function) wants \(kind.shown), got \(shown(argument))")
    }
  }
}
