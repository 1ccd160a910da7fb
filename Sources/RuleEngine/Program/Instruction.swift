/// One step of a program: a stack machine over doubles. Numbers are themselves, durations milliseconds, unknown numbers NaN;
/// conditions are 0, ½ (unknown) and 1, so that Kleene's `and` is the lesser, `or` the greater, `not` 1 − x.
struct Instruction: Sendable {
  enum Operation: UInt8, Sendable {
    /// Push `constant`.
    case constant
    /// Push the device's number `operand`: an attribute.
    case attribute
    /// Push limit `operand` of the table, unless the device's number `second` is one of its own.
    case limit
    /// Push a function of window `operand`, or what its comparison with `constant` says: the commonest condition is one step.
    case last, mean, sum, count, standardDeviation, extreme, delta, increase, flat, hourMean
    /// Push that percentage's quantile (`constant`) of window `operand`.
    case quantile
    /// Push what is told of the line through window `operand`; `forecast` looks `constant` milliseconds ahead.
    case slope, forecast, fit
    /// The limit on the stack becomes the time until the line through window `operand` crosses it.
    case timeAbove, timeBelow
    /// Push the age of metric `operand`, in milliseconds.
    case age
    /// Push that of the device's newest reading.
    case deviceAge
    /// Push the code of the status of metric `operand`.
    case status
    /// Push a truth of the device, or of the clock; `between` minutes of the day `operand` and `second`.
    case online, between, weekday, holiday, dark, intake
    /// Push a function of the members' term `operand`.
    case memberCount, memberShare, memberMean
    case add, subtract, multiply, divide, negate
    /// The left operand is below the right one on the stack.
    case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
    /// The right operand is `constant`.
    case compare
    case and, or, not
    /// Go on at `operand` where the top already decides: false of `and`, true of `or`.
    case skipIfFalse, skipIfTrue
  }

  /// How a value is compared with `constant`.
  enum Comparison: UInt8, Sendable { case none, less, atMost, greater, atLeast, equals, differs }

  var operation: Operation
  var comparison = Comparison.none
  var second: UInt16 = 0
  var operand: UInt32 = 0
  var constant: Double = 0

  /// Whether `operand` is a window.
  var readsWindow: Bool {
    switch operation {
    case .last, .mean, .sum, .count, .standardDeviation, .extreme, .delta, .increase, .flat, .hourMean, .quantile, .slope, .forecast, .fit,
      .timeAbove, .timeBelow:
      true
    default: false
    }
  }

  /// Whether its value can be compared in the same step: it has no constant of its own.
  var isComparable: Bool {
    switch operation {
    case .last, .mean, .sum, .count, .standardDeviation, .extreme, .delta, .increase, .hourMean, .slope, .fit: comparison == .none
    default: false
    }
  }
}

/// A piece of the program's code.
struct CodeRange: Sendable {
  var start: UInt32
  var end: UInt32
  static let empty = CodeRange(start: 0, end: 0)
  var isEmpty: Bool { start == end }
}
