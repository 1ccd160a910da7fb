import Readings

/// What a sliding window adds up of its good readings. What was added can be taken away: the sums are a function of the set.
protocol WindowSums {
  init()
  mutating func add(_ t: Int64, _ value: Double, _ scale: DecimalScale)
  mutating func take(_ t: Int64, _ value: Double, _ scale: DecimalScale)
  /// Nothing is in the window; the next to come is near `t`.
  mutating func begin(at t: Int64)
  /// The window was moved to (t - width, t] and holds `good` readings.
  mutating func settle(at t: Int64, width: Int64, good: Int32)
  func free()
}

extension WindowSums {
  func settle(at t: Int64, width: Int64, good: Int32) {}
  func free() {}
}

/// Sums from which a mean comes.
protocol ValueSums: WindowSums {
  /// Σv in units of the metric's decimal scale, exact: 2⁶⁴ readings of the largest 64-bit value fit.
  var sum: Int128 { get }
}

/// Of values alone: what mean, sum and count ask for.
struct PlainSums: ValueSums {
  private(set) var sum: Int128 = 0

  @inline(__always) mutating func add(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    sum &+= Int128(truncatingIfNeeded: scale.exact(value))
  }
  @inline(__always) mutating func take(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    sum &-= Int128(truncatingIfNeeded: scale.exact(value))
  }
  mutating func begin(at t: Int64) { sum = 0 }
}

/// What squares and products are exact for. A window that holds anything beyond has no stddev and no trend: they are unknown, while mean
/// and sum stay what they are.
enum ExactSquares {
  /// Units of the metric's scale below which a double has all decimals of the scale. Of 2²³ such squares the sum is below 2¹²⁷.
  static let valueBound: Int64 = 1 << 52
  /// Good readings in one window: half of a year, two a second.
  static let readingsBound: Int32 = 1 << 23
}

/// Sums from which a standard deviation comes.
protocol SquareSums: ValueSums {
  var squares: Int128 { get }
  /// Values in the window that are beyond `ExactSquares.valueBound`.
  var beyond: Int32 { get }
}

extension SquareSums {
  /// √(n·Σv² − (Σv)²) / n, of the population; NaN of nothing and of values beyond all decimals.
  @inline(__always) func standardDeviation(_ good: Int32, _ scale: DecimalScale) -> Double {
    guard good > 0, good < ExactSquares.readingsBound, beyond == 0 else { return .nan }
    let n = Int64(good)
    return ExactInteger.determinant(n, squares, sum, sum).squareRoot() / (Double(n) * scale.factor)
  }
}

/// Of values and their squares: what stddev asks for.
struct MomentSums: SquareSums {
  private(set) var sum: Int128 = 0
  private(set) var squares: Int128 = 0
  private(set) var beyond: Int32 = 0

  @inline(__always) mutating func add(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    let v = scale.exact(value)
    sum &+= Int128(truncatingIfNeeded: v)
    if v.magnitude < ExactSquares.valueBound { squares &+= Int128(v) &* Int128(v) } else { beyond &+= 1 }
  }
  @inline(__always) mutating func take(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    let v = scale.exact(value)
    sum &-= Int128(truncatingIfNeeded: v)
    if v.magnitude < ExactSquares.valueBound { squares &-= Int128(v) &* Int128(v) } else { beyond &-= 1 }
  }
  mutating func begin(at t: Int64) { (sum, squares, beyond) = (0, 0, 0) }
}
