import Readings

/// Sums of a window's times and values: the line of least squares through its good readings.
///
/// Times are milliseconds from `origin`, values units of the metric's decimal scale. What is told of the line comes from
///
///     N = n·Σtv − Σt·Σv        T = n·Σt² − (Σt)²        V = n·Σv² − (Σv)²
///
/// which are exact integers and the same for every origin, so that it may follow the window. All arithmetic is modulo 2¹²⁸, which no
/// order of adding and taking away can upset; what the sums come to fits: the origin is at most three widths (of 400 days, 2³⁵ ms) from
/// any time in the window, values are below 2⁵², readings fewer than 2²³ (`ExactSquares`), hence Σt² < 2⁹⁷ and Σtv < 2¹¹².
struct TrendSums: SquareSums {
  private(set) var sum: Int128 = 0
  private(set) var squares: Int128 = 0
  private var times: Int128 = 0
  private var timeSquares: Int128 = 0
  private var products: Int128 = 0
  private var origin: Int64 = 0
  private(set) var beyond: Int32 = 0

  /// Fewer readings make no trend.
  static let readingsLeast: Int32 = 5
  /// A trend's readings spread over a third of its window at least.
  static let spreadsInWidth = 3.0

  @inline(__always) mutating func add(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    let v = scale.exact(value)
    sum &+= Int128(truncatingIfNeeded: v)
    guard v.magnitude < ExactSquares.valueBound else { return beyond &+= 1 }
    let t = t &- origin
    squares &+= Int128(v) &* Int128(v)
    times &+= Int128(t)
    timeSquares &+= Int128(t) &* Int128(t)
    products &+= Int128(t) &* Int128(v)
  }

  @inline(__always) mutating func take(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    let v = scale.exact(value)
    sum &-= Int128(truncatingIfNeeded: v)
    guard v.magnitude < ExactSquares.valueBound else { return beyond &-= 1 }
    let t = t &- origin
    squares &-= Int128(v) &* Int128(v)
    times &-= Int128(t)
    timeSquares &-= Int128(t) &* Int128(t)
    products &-= Int128(t) &* Int128(v)
  }

  mutating func begin(at t: Int64) {
    self = TrendSums()
    origin = t
  }

  /// Keeps the origin near the window, so that the sums stay small. Values beyond the bound are in Σv and in nothing else: while there
  /// are any, there is no line to be told, and the origin stays.
  @inline(__always) mutating func settle(at t: Int64, width: Int64, good: Int32) {
    if (t &- origin).magnitude > 2 * width && beyond == 0 { moveOrigin(to: t, good: good) }
  }

  @inline(never) private mutating func moveOrigin(to t: Int64, good: Int32) {
    let (d, n) = (Int128(t &- origin), Int128(good))
    timeSquares = timeSquares &- 2 &* d &* times &+ n &* d &* d
    products = products &- d &* sum
    times = times &- n &* d
    origin = t
  }
}

// MARK: What is asked of the line

extension TrendSums {
  /// The line through a window's readings.
  struct Line {
    let sums: TrendSums
    let n: Int64
    /// N / T: units of the scale a millisecond.
    let slope: Double
    let factor: Double

    /// In the metric's unit.
    @inline(__always) var slopePerHour: Double { slope * 3_600_000 / factor }

    /// Where the line stands at `t`, in the metric's unit.
    @inline(__always) func value(at t: Int64) -> Double {
      // n·t − Σt, which is the same for every origin.
      let ahead = Int128(n) &* Int128(t &- sums.origin) &- sums.times
      return (ExactInteger.double(sums.sum) + slope * ExactInteger.double(ahead)) / (Double(n) * factor)
    }

    /// Milliseconds until the line that goes on as it does from `t` crosses a limit: 0 where it is beyond already, infinite where it does
    /// not come nearer, NaN of an unknown limit.
    @inline(__always) func time(from t: Int64, to limit: Double, isAbove: Bool) -> Double {
      let now = value(at: t)
      if limit.isNaN { return .nan }
      if isAbove ? now > limit : now < limit { return 0 }
      guard isAbove ? slope > 0 : slope < 0 else { return .infinity }
      return max(0, (limit - now) / (slope / factor))
    }

    /// R², the share of the values' variance that the line explains: N² / (T·V). Of readings that are all equal it is 1: the line goes
    /// through every one of them.
    @inline(__always) var fit: Double {
      let variance = ExactInteger.determinant(n, sums.squares, sums.sum, sums.sum)
      if variance == 0 { return 1 }
      let covariance = ExactInteger.determinant(n, sums.products, sums.times, sums.sum)
      let spread = ExactInteger.determinant(n, sums.timeSquares, sums.times, sums.times)
      return min(1, covariance / spread * (covariance / variance))
    }
  }

  /// nil where there is too little for a trend: fewer than five readings, readings that lie closer together than ones spread evenly
  /// over a third of the window (a burst is no trend of hours), or a value beyond all decimals.
  @inline(__always) func line(_ good: Int32, width: Int64, _ scale: DecimalScale) -> Line? {
    guard good >= Self.readingsLeast, good < ExactSquares.readingsBound, beyond == 0 else { return nil }
    let n = Int64(good)
    let spread = ExactInteger.determinant(n, timeSquares, times, times)
    // Times spread evenly over a length L have the variance L² / 12; spread / n² is that of these.
    let length = Double(n) * Double(width)
    guard 12 * Self.spreadsInWidth * Self.spreadsInWidth * spread >= length * length else { return nil }
    return Line(
      sums: self, n: n, slope: ExactInteger.determinant(n, products, times, sum) / spread, factor: scale.factor)
  }
}
