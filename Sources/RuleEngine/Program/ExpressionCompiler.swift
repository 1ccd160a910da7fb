import DeviceRegistry
import Readings

/// A window that a call needs. Calls with equal requests have one window in common.
struct WindowRequest: Hashable {
  var metric: Int
  var kind: WindowKind
  var width: Milliseconds

  /// nil where the call needs none, or the profile lacks its metric.
  init?(of call: Expression.Call, in profile: Profile) {
    guard let metric = call.metric.flatMap({ profile.metricIndex($0) }),
      let kind = FunctionCatalog.signature(of: call)?.evaluated?.window
    else { return nil }
    (self.metric, self.kind) = (metric, kind)
    width = kind == .hour ? WindowSpec.hour : call.window
  }

  /// The request of those asked for whose window serves this one: of sums over one window the last kind holds what the others do.
  func served(among asked: Set<WindowRequest>) -> WindowRequest {
    guard WindowKind.sums.contains(kind) else { return self }
    var serving = self
    for kind in WindowKind.sums where kind.rawValue > serving.kind.rawValue {
      var other = self
      other.kind = kind
      if asked.contains(other) { serving = other }
    }
    return serving
  }
}

/// A number that a device has by itself.
enum DeviceNumber: Hashable {
  case attribute(String)
  /// Its own limit of that name.
  case limit(String)

  /// NaN where the device has none.
  func value(of device: Device) -> Double {
    switch self {
    case .attribute(let name):
      if case .number(let number)? = device.attributes[name] { return number }
      return .nan
    case .limit(let name): return device.limits[name] ?? .nan
    }
  }
}

/// Turns checked expressions into code: for the devices of one plan, or for groups.
struct ExpressionCompiler {
  /// nil for groups, which have no metrics.
  let profile: Profile?
  /// The place of each limit's name in the program's table.
  let limits: [String: Int]
  /// The program's index of the window that serves each request of the plan.
  var windows: [WindowRequest: Int] = [:]
  /// Profiles of the members, for groups.
  var memberProfiles: [Profile] = []
  /// The place of each group function among its rule's terms.
  var terms: [String: Int] = [:]
  private(set) var code: [Instruction] = []
  private(set) var numbers: [DeviceNumber] = []
  /// Instructions of the longest expression: no stack is deeper.
  private(set) var deepest = 0
  private let firstInstruction: Int

  init(profile: Profile?, limits: [String: Int], firstInstruction: Int) {
    (self.profile, self.limits, self.firstInstruction) = (profile, limits, firstInstruction)
  }

  private var here: UInt32 { UInt32(firstInstruction + code.count) }

  mutating func compile(_ expression: Expression) -> CodeRange {
    let start = here
    emit(expression)
    return closed(from: start)
  }

  private mutating func closed(from start: UInt32) -> CodeRange {
    deepest = max(deepest, Int(here - start))
    return CodeRange(start: start, end: here)
  }

  /// One function of a window, whatever it takes from the stack put there by `operand`; nil where the plan has no such window.
  mutating func compile(_ operation: Instruction.Operation, of call: Expression.Call, operand: Expression? = nil) -> CodeRange? {
    guard let window = window(of: call) else { return nil }
    let start = here
    if let operand { emit(operand) }
    emit(operation, window)
    return closed(from: start)
  }

  private mutating func emit(_ operation: Instruction.Operation, _ operand: Int = 0, second: Int = 0, constant: Double = 0) {
    code.append(Instruction(operation: operation, second: UInt16(second), operand: UInt32(operand), constant: constant))
  }

  private mutating func number(_ number: DeviceNumber) -> Int {
    if let known = numbers.firstIndex(of: number) { return known }
    numbers.append(number)
    return numbers.count - 1
  }

  private func window(of call: Expression.Call) -> Int? {
    profile.flatMap { WindowRequest(of: call, in: $0) }.flatMap { windows[$0] }
  }

  private mutating func emit(_ expression: Expression) {
    if let constant = Self.constant(expression) { return emit(.constant, constant: constant) }
    switch expression.form {
    case .attribute(let name): emit(.attribute, number(.attribute(name)))
    case .call(let call): emit(call)
    case .negate(let operand):
      emit(operand)
      emit(.negate)
    case .not(let operand):
      emit(operand)
      emit(.not)
    case .binary(let op, let left, let right): emit(op, left, right)
    // The checker leaves no other form where a value stands.
    case .number, .duration, .timeOfDay, .text, .name: emit(.constant, constant: .nan)
    }
  }

  private mutating func emit(_ call: Expression.Call) {
    guard let function = FunctionCatalog.signature(of: call)?.evaluated else { return emit(.constant, constant: .nan) }
    if function.window != nil { return emit(function, of: call) }
    switch function {
    case .age, .status:
      // A message may name a metric that this profile lacks: unknown.
      guard let metric = call.metric.flatMap({ profile?.metricIndex($0) }) else { return emit(.constant, constant: .nan) }
      emit(function == .age ? .age : .status, metric)
    case .limit:
      guard case .name(let name)? = call.arguments.first?.form else { return emit(.constant, constant: .nan) }
      // A name that only devices have stands behind all rows.
      emit(.limit, limits[name] ?? limits.count, second: number(.limit(name)))
    case .between:
      guard case .timeOfDay(let from) = call.arguments[0].form, case .timeOfDay(let to) = call.arguments[1].form else { return }
      emit(.between, from, second: to)
    case .deviceAge: emit(.deviceAge)
    case .online: emit(.online)
    case .intake: emit(.intake)
    case .weekday: emit(.weekday)
    case .holiday: emit(.holiday)
    case .dark: emit(.dark)
    case .memberCount, .memberShare, .memberMean:
      let term = terms[Expression(offset: 0, form: .call(call)).canonical] ?? 0
      emit(function == .memberCount ? .memberCount : function == .memberShare ? .memberShare : .memberMean, term)
    default: emit(.constant, constant: .nan)
    }
  }

  private mutating func emit(_ function: EvaluatedFunction, of call: Expression.Call) {
    guard let window = window(of: call) else { return emit(.constant, constant: .nan) }
    switch function {
    case .last: emit(.last, window)
    case .mean: emit(.mean, window)
    case .sum: emit(.sum, window)
    case .count: emit(.count, window)
    case .standardDeviation: emit(.standardDeviation, window)
    case .minimum, .maximum: emit(.extreme, window)
    case .median: emit(.quantile, window, constant: 50)
    case .percentile95: emit(.quantile, window, constant: 95)
    case .delta: emit(.delta, window)
    case .increase: emit(.increase, window)
    case .flat: emit(.flat, window)
    case .hourMean: emit(.hourMean, window)
    case .slope: emit(.slope, window)
    case .forecast: emit(.forecast, window, constant: Self.constant(call.arguments[2]) ?? 0)
    case .fit: emit(.fit, window)
    case .timeAbove, .timeBelow:
      emit(call.arguments[1])
      emit(function == .timeAbove ? .timeAbove : .timeBelow, window)
    default: emit(.constant, constant: .nan)
    }
  }

  private mutating func emit(_ op: BinaryOperator, _ left: Expression, _ right: Expression) {
    switch op {
    case .and, .or:
      emit(left)
      let skip = code.count
      emit(op == .and ? .skipIfFalse : .skipIfTrue)
      emit(right)
      emit(op == .and ? .and : .or)
      code[skip].operand = here
    case .add, .subtract, .multiply, .divide:
      emit(left)
      emit(right)
      emit(Self.arithmetic(op))
    default:
      if let constant = Self.constant(right) {
        emit(left, comparedBy: Self.comparisonWithConstant(op), constant)
      } else if let constant = Self.constant(left) {
        emit(right, comparedBy: Self.comparisonWithConstant(Self.mirrored(op)), constant)
      } else {
        emit(left)
        emit(right)
        emit(Self.comparison(op))
      }
    }
  }

  private mutating func emit(_ value: Expression, comparedBy comparison: Instruction.Comparison, _ constant: Double) {
    let first = code.count
    emit(value)
    if code.count == first + 1, code[first].isComparable {
      (code[first].comparison, code[first].constant) = (comparison, constant)
    } else {
      code.append(Instruction(operation: .compare, comparison: comparison, constant: constant))
    }
  }

  private static func arithmetic(_ op: BinaryOperator) -> Instruction.Operation {
    switch op {
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    default: .divide
    }
  }

  private static func comparison(_ op: BinaryOperator) -> Instruction.Operation {
    switch op {
    case .less: .less
    case .lessOrEqual: .lessOrEqual
    case .greater: .greater
    case .greaterOrEqual: .greaterOrEqual
    case .equal: .equal
    default: .notEqual
    }
  }

  private static func comparisonWithConstant(_ op: BinaryOperator) -> Instruction.Comparison {
    switch op {
    case .less: .less
    case .lessOrEqual: .atMost
    case .greater: .greater
    case .greaterOrEqual: .atLeast
    case .equal: .equals
    default: .differs
    }
  }

  /// 5 < x says x > 5.
  private static func mirrored(_ op: BinaryOperator) -> BinaryOperator {
    switch op {
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    default: op
    }
  }

  /// The value of an expression of literals alone.
  private static func constant(_ expression: Expression) -> Double? {
    switch expression.form {
    case .number(let number): return number
    case .duration(let length): return Double(length)
    case .text(let text): return Quality(text: text).map { Double($0.code) }
    case .negate(let operand): return constant(operand).map { -$0 }
    case .binary(let op, let left, let right) where op.isArithmetic:
      guard let a = constant(left), let b = constant(right) else { return nil }
      switch op {
      case .add: return DecimalArithmetic.sum(a, b)
      case .subtract: return DecimalArithmetic.difference(a, b)
      case .multiply: return DecimalArithmetic.product(a, b)
      default: return DecimalArithmetic.quotient(a, b)
      }
    default: return nil
    }
  }
}
