/// A metric's decimal scale: how many decimals its values have. Sums are integers in this scale, hence exact and the same in
/// any order of addition.
///
/// The scale is three decimals finer than the metric's resolution, so that a device that reports more than it promises is still summed as it reports.
@usableFromInline package struct DecimalScale: Hashable, Sendable {
  /// Decimals of the resolution: 0.1 has 1, 0.05 has 2, 10 has 0.
  package let decimals: Int
  /// Units of the integer scale in one unit of the metric.
  @usableFromInline package let factor: Double

  package init(decimals: Int) {
    precondition((0...9).contains(decimals), "a resolution has 0 to 9 decimals")
    self.decimals = decimals
    var factor = 1.0
    for _ in 0..<(decimals + 3) { factor *= 10 }
    self.factor = factor
  }

  /// The scale of a resolution such as 0.1; nil where it is not a positive number of at most nine decimals.
  package init?(resolution: Double) {
    guard resolution > 0, resolution.isFinite else { return nil }
    var factor = 1.0
    for decimals in 0...9 {
      let scaled = resolution * factor
      if scaled.rounded() >= 1, abs(scaled - scaled.rounded()) < 1e-12 * scaled {
        self.init(decimals: decimals)
        return
      }
      factor *= 10
    }
    return nil
  }

  /// The value as an integer of this scale. Values beyond 9.2e18 units are held at that bound: no sensor's range reaches it.
  @inlinable package func integer(_ value: Double) -> Int64 {
    let scaled = (value * factor).rounded(.toNearestOrEven)
    if scaled >= 9.2e18 { return 9_200_000_000_000_000_000 }
    if scaled <= -9.2e18 { return -9_200_000_000_000_000_000 }
    return Int64(scaled)
  }

  /// Rounded to `decimals + 2`, as events show a metric's numbers.
  package func shown(_ value: Double) -> Double { value.rounded(toDecimals: decimals + 2) }
}

extension Double {
  /// The nearest double of at most that many decimals.
  package func rounded(toDecimals decimals: Int) -> Double {
    guard isFinite, abs(self) < 1e15 else { return self }
    var factor = 1.0
    for _ in 0..<decimals { factor *= 10 }
    let scaled = (self * factor).rounded(.toNearestOrAwayFromZero) / factor
    return scaled == 0 ? 0 : scaled  // no minus zero in front of people
  }
}
