import CPrefetch
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
    if t > state.pointee.horizon {
      state.pointee.horizon = t
      prefetch(slot, base, heads)
    }
    // Safe: the stack is deeper than the longest piece of code; operands were laid out by the compiler within their tables.
    var free = stack
    var top = 0.0
    var at = Int(range.start)
    let end = Int(range.end)
    while at < end {
      let step = code[at]
      at += 1
      switch step.operation {
      case .constant: push(step.constant, &top, &free)
      case .attribute: push(numbers[Int(slot.pointee.numbers) + Int(step.operand)], &top, &free)
      case .last, .extreme, .mean, .sum, .count, .standardDeviation, .delta, .increase, .flat, .hourMean, .quantile, .slope, .forecast,
        .fit:
        push(windowValue(step, slot, base, t, heads), &top, &free)
      case .timeAbove, .timeBelow: top = trend(step, slot, base, t, heads, towards: top)
      case .negate: top = -top
      case .not: top = 1 - top
      case .skipIfFalse: if top == 0 { at = Int(step.operand) }
      case .skipIfTrue: if top == 1 { at = Int(step.operand) }
      case .lessThanConstant: top = level(top < step.constant, top, step.constant)
      case .atMostConstant: top = level(top <= step.constant, top, step.constant)
      case .greaterThanConstant: top = level(top > step.constant, top, step.constant)
      case .atLeastConstant: top = level(top >= step.constant, top, step.constant)
      case .equalsConstant: top = level(top == step.constant, top, step.constant)
      case .differsFromConstant: top = level(top != step.constant, top, step.constant)
      case .age, .deviceAge, .status, .limit, .online, .between, .weekday, .holiday, .dark, .intake:
        push(clockValue(step, slot, state, subject, t, heads), &top, &free)
      case .memberCount, .memberShare, .memberMean: push(memberValue(step, ofGroupAt: subject, t, heads), &top, &free)
      default:
        free -= 1
        top = combine(step.operation, free.pointee, top)
      }
    }
    return top
  }

  /// Asks for the oldest readings of all windows of a device, which are about to leave them.
  ///
  /// Series lie far from each other, and each window's oldest reading far from its newest: of a city's readings none is in the processor's
  /// caches when its turn comes. Waiting for one after the other took three quarters of an evaluation.
  @inline(__always)
  private func prefetch(_ slot: UnsafeMutablePointer<SubjectSlot>, _ base: UnsafeMutableRawPointer, _ heads: borrowing SeriesHeads) {
    let first = windows + Int(slot.pointee.firstWindow)
    for place in 0..<Int(slot.pointee.windowCount) {
      let head = heads.view(Int(series[Int(slot.pointee.series) + Int(first[place].metric)]))
      // Safe: every state is larger than that; whatever the index, nothing is read.
      let oldest = Int((base + Int(first[place].state)).load(fromByteOffset: WindowKind.oldestOffset, as: Int32.self))
      thuong_prefetch(head.times + oldest)
      thuong_prefetch(head.values + oldest)
    }
  }

  @inline(__always) private func push(_ value: Double, _ top: inout Double, _ free: inout UnsafeMutablePointer<Double>) {
    free.pointee = top
    free += 1
    top = value
  }

  /// A comparison's truth; unknown where one side is.
  @inline(__always) private func level(_ holds: Bool, _ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? 0.5 : holds ? 1 : 0 }

  @inline(__always) private func combine(_ operation: Instruction.Operation, _ a: Double, _ b: Double) -> Double {
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
    case .and: min(a, b)
    case .or: max(a, b)
    default: .nan
    }
  }
}
