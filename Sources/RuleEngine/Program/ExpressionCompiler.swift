import DeviceRegistry
import Readings

/// A window that a call needs. Calls with equal requests have one window in common.
struct WindowRequest: Hashable {
  var metric: Int
  var kind: WindowKind
  var width: Milliseconds

  /// nil where the call needs none, or the profile lacks its metric.
  init?(of call: Expression.Call, in profile: Profile) {
    guard let metric = call.metric.flatMap({ profile.metricIndex($0) }), let function = FunctionCatalog.signature(of: call)?.evaluated
    else {
      return nil
    }
    switch function {
    case .last: kind = .latest
    case .mean, .count: kind = .sum
    case .minimum: kind = .minimum
    case .maximum: kind = .maximum
    case .age: return nil
    }
    self.metric = metric
    width = call.window
  }
}

/// Turns checked expressions into code for the devices of one plan.
struct ExpressionCompiler {
  let profile: Profile
  /// The program's index of each window of the plan.
  var windows: [WindowRequest: Int] = [:]
  private(set) var code: [Instruction] = []
  private(set) var attributes: [String] = []
  /// Instructions of the longest expression: no stack is deeper.
  private(set) var deepest = 0
  private let firstInstruction: Int

  init(profile: Profile, firstInstruction: Int) { (self.profile, self.firstInstruction) = (profile, firstInstruction) }

  private var here: UInt32 { UInt32(firstInstruction + code.count) }

  mutating func compile(_ expression: Expression) -> CodeRange {
    let start = here
    emit(expression)
    deepest = max(deepest, Int(here - start))
    return CodeRange(start: start, end: here)
  }

  /// A value as it is told to people.
  mutating func told(_ expression: Expression) -> Telling.Value {
    Telling.Value(
      text: expression.canonical, code: compile(expression), decimals: decimals(of: expression), isDuration: isDuration(expression))
  }

  private mutating func emit(_ operation: Instruction.Operation, _ operand: Int = 0, constant: Double = 0) {
    code.append(Instruction(operation: operation, operand: UInt32(operand), constant: constant))
  }

  private mutating func emit(_ expression: Expression) {
    if let constant = Self.constant(expression) { return emit(.constant, constant: constant) }
    switch expression.form {
    case .attribute(let name):
      let known = attributes.firstIndex(of: name)
      if known == nil { attributes.append(name) }
      emit(.attribute, known ?? attributes.count - 1)
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
    guard let metric = call.metric.flatMap({ profile.metricIndex($0) }), let function = FunctionCatalog.signature(of: call)?.evaluated
    else {
      // A message may name a metric that this profile lacks: unknown.
      return emit(.constant, constant: .nan)
    }
    if function == .age { return emit(.age, metric) }
    guard let window = WindowRequest(of: call, in: profile).flatMap({ windows[$0] }) else { return emit(.constant, constant: .nan) }
    switch function {
    case .last: emit(.last, window)
    case .mean: emit(.mean, window)
    case .count: emit(.count, window)
    case .minimum, .maximum: emit(.extreme, window)
    case .age: break
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
        emit(left)
        emit(Self.comparisonWithConstant(op), constant: constant)
      } else if let constant = Self.constant(left) {
        emit(right)
        emit(Self.comparisonWithConstant(Self.mirrored(op)), constant: constant)
      } else {
        emit(left)
        emit(right)
        emit(Self.comparison(op))
      }
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

  private static func comparisonWithConstant(_ op: BinaryOperator) -> Instruction.Operation {
    switch op {
    case .less: .lessThanConstant
    case .lessOrEqual: .atMostConstant
    case .greater: .greaterThanConstant
    case .greaterOrEqual: .atLeastConstant
    case .equal: .equalsConstant
    default: .differsFromConstant
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

  // MARK: What people are shown

  /// Decimals of the metrics in it and two more; none for counts and durations.
  private func decimals(of expression: Expression) -> Int {
    switch expression.form {
    case .call(let call):
      guard FunctionCatalog.signature(of: call)?.result == .number, call.function != "count" else { return 0 }
      return (call.metric.flatMap { profile.metricIndex($0) }.map { profile.metrics[$0].scale.decimals } ?? 0) + 2
    case .negate(let operand), .not(let operand): return decimals(of: operand)
    case .binary(let op, let left, let right): return max(op == .divide ? 2 : 0, decimals(of: left), decimals(of: right))
    case .attribute, .number: return 2
    default: return 0
    }
  }

  private func isDuration(_ expression: Expression) -> Bool {
    switch expression.form {
    case .duration: return true
    case .call(let call): return FunctionCatalog.signature(of: call)?.result == .duration
    case .negate(let operand): return isDuration(operand)
    case .binary(let op, let left, let right):
      guard op.isArithmetic else { return false }
      return op == .divide ? isDuration(left) && !isDuration(right) : isDuration(left) || isDuration(right)
    default: return false
    }
  }
}
