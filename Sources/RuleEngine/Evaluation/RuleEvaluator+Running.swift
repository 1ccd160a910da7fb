import Readings
import SeriesStore

/// The machine that programs run on.
extension RuleEvaluator {
  /// Runs a piece of code for a device or a group: the value it leaves, NaN where that is an unknown number.
  mutating func run(_ range: CodeRange, for subject: Int, at t: Int64, _ heads: borrowing SeriesHeads) -> Double {
    run(range, for: subject, at: t, heads, on: stack)
  }

  /// - Parameter stack: members' terms run while their group's code does, and have one of their own.
  mutating func run(
    _ range: CodeRange, for subject: Int, at t: Int64, _ heads: borrowing SeriesHeads, on stack: UnsafeMutablePointer<Double>
  ) -> Double {
    let slot = slots + subject
    let base = states + slot.pointee.states
    let state = base.assumingMemoryBound(to: DeviceState.self)
    if t > state.pointee.horizon { state.pointee.horizon = t }
    // Safe: the stack is deeper than the longest piece of code; operands were laid out by the compiler within their tables.
    var free = stack
    var top = 0.0
    var at = Int(range.start)
    let end = Int(range.end)
    while at < end {
      let step = code[at]
      at += 1
      // The commonest stand here; the others, out of line, would take the registers from them.
      switch step.operation {
      case .last, .extreme, .mean, .sum, .count, .standardDeviation, .delta, .increase, .flat, .hourMean, .quantile, .slope, .forecast,
        .fit:
        Self.push(Self.compared(windowValue(step, slot, base, t, heads), step), &top, &free)
      case .compare: top = Self.compared(top, step)
      case .skipIfFalse: if top == 0 { at = Int(step.operand) }
      case .skipIfTrue: if top == 1 { at = Int(step.operand) }
      case .and:
        free -= 1
        top = min(free.pointee, top)
      default: top = other(step, slot, base, subject, t, heads, top, &free)
      }
    }
    return top
  }

  /// - Returns: the new top.
  @inline(never)
  private mutating func other(
    _ step: Instruction, _ slot: UnsafeMutablePointer<SubjectSlot>, _ base: UnsafeMutableRawPointer, _ subject: Int, _ t: Int64,
    _ heads: borrowing SeriesHeads, _ top: Double, _ free: inout UnsafeMutablePointer<Double>
  ) -> Double {
    var top = top
    switch step.operation {
    case .constant: Self.push(step.constant, &top, &free)
    case .attribute: Self.push(numbers[Int(slot.pointee.numbers) + Int(step.operand)], &top, &free)
    case .timeAbove, .timeBelow: top = trend(step, slot, base, t, heads, towards: top)
    case .negate: top = -top
    case .not: top = 1 - top
    case .age, .deviceAge, .status, .limit, .online, .between, .weekday, .holiday, .dark, .intake:
      Self.push(clockValue(step, slot, base.assumingMemoryBound(to: DeviceState.self), subject, t, heads), &top, &free)
    case .memberCount, .memberShare, .memberMean: Self.push(memberValue(step, ofGroupAt: subject, t, heads), &top, &free)
    default:
      free -= 1
      top = Self.combine(step.operation, free.pointee, top)
    }
    return top
  }

  @inline(__always) private static func push(_ value: Double, _ top: inout Double, _ free: inout UnsafeMutablePointer<Double>) {
    free.pointee = top
    free += 1
    top = value
  }

  /// A value, or its truth where the step compares it with `constant`.
  @inline(__always) private static func compared(_ value: Double, _ step: Instruction) -> Double {
    switch step.comparison {
    case .none: value
    case .less: level(value < step.constant, value, step.constant)
    case .atMost: level(value <= step.constant, value, step.constant)
    case .greater: level(value > step.constant, value, step.constant)
    case .atLeast: level(value >= step.constant, value, step.constant)
    case .equals: level(value == step.constant, value, step.constant)
    case .differs: level(value != step.constant, value, step.constant)
    }
  }

  /// A comparison's truth; unknown where one side is.
  @inline(__always) private static func level(_ holds: Bool, _ a: Double, _ b: Double) -> Double {
    a.isNaN || b.isNaN ? 0.5 : holds ? 1 : 0
  }

  @inline(__always) private static func combine(_ operation: Instruction.Operation, _ a: Double, _ b: Double) -> Double {
    switch operation {
    case .add: DecimalArithmetic.sum(a, b)
    case .subtract: DecimalArithmetic.difference(a, b)
    case .multiply: DecimalArithmetic.product(a, b)
    case .divide: DecimalArithmetic.quotient(a, b)
    case .less: level(a < b, a, b)
    case .lessOrEqual: level(a <= b, a, b)
    case .greater: level(a > b, a, b)
    case .greaterOrEqual: level(a >= b, a, b)
    case .equal: level(a == b, a, b)
    case .notEqual: level(a != b, a, b)
    case .or: max(a, b)
    default: .nan
    }
  }
}
