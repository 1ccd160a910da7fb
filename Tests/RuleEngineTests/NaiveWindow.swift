import Readings
import RuleEngine

struct WindowSample {
  var ts: Int64
  var value: Double
  var quality: Quality
}

/// What the functions of a window are, from the good readings in it alone and from the definitions: sums of whole numbers from the epoch
/// on, each made a double once.
struct NaiveWindow {
  private let times: [Int128]
  private let values: [Double]
  /// Whole units of the scale.
  private let units: [Int128]
  private let width: Int64
  private let scale: DecimalScale
  private let isCovered: Bool

  /// - Parameter good: in order of ts.
  init(_ good: [WindowSample], width: Int64, interval: Int64, scale: DecimalScale) {
    (times, values, self.width, self.scale) = (good.map { Int128($0.ts) }, good.map(\.value), width, scale)
    units = good.map { Int128(scale.integer($0.value)) }
    isCovered = !good.isEmpty && Int64(good.count) * interval * 2 >= width
  }

  private var n: Int128 { Int128(values.count) }
  private func sum(_ numbers: [Int128]) -> Int128 { numbers.reduce(0, +) }
  private func product(_ a: [Int128], _ b: [Int128]) -> Int128 { sum(zip(a, b).map { $0 * $1 }) }
  private func spread(_ a: [Int128], _ b: [Int128]) -> Int128 { n * product(a, b) - sum(a) * sum(b) }
  private var hasDecimals: Bool { units.allSatisfy { $0.magnitude < 1 << 52 } }

  var mean: Double? { isCovered ? Double(sum(units)) / (Double(values.count) * scale.factor) : nil }

  private var deviation: Double? {
    guard isCovered, hasDecimals else { return nil }
    return Double(spread(units, units)).squareRoot() / (Double(values.count) * scale.factor)
  }

  private func quantile(_ percent: Int) -> Double? {
    guard isCovered else { return nil }
    let sorted = units.sorted()
    let (place, rest) = ((sorted.count - 1) * percent).quotientAndRemainder(dividingBy: 100)
    let above = sorted[min(place + 1, sorted.count - 1)]
    return Double(sorted[place] * Int128(100 - rest) + above * Int128(rest)) / (100 * scale.factor)
  }

  private var increase: Double? {
    isCovered ? Double(sum(zip(units, units.dropFirst()).map { $1 < $0 ? $1 : $1 - $0 })) / scale.factor : nil
  }

  /// Slope in units of the scale a millisecond; nil where there is too little for a trend.
  private var slope: Double? {
    guard isCovered, values.count >= 5, hasDecimals else { return nil }
    let variance = spread(times, times)
    guard 108 * variance >= n * n * Int128(width) * Int128(width) else { return nil }
    return Double(spread(times, units)) / Double(variance)
  }

  private func line(at t: Int64) -> Double? {
    slope.map { (Double(sum(units)) + $0 * Double(n * Int128(t) - sum(times))) / (Double(values.count) * scale.factor) }
  }

  private func time(from t: Int64, to limit: Double, isAbove: Bool) -> Double? {
    guard let slope, let now = line(at: t) else { return nil }
    if isAbove ? now > limit : now < limit { return 0 }
    return (isAbove ? slope > 0 : slope < 0) ? max(0, (limit - now) / (slope / scale.factor)) : .infinity
  }

  private var fit: Double? {
    guard slope != nil else { return nil }
    let variance = spread(units, units)
    if variance == 0 { return 1 }
    let covariance = Double(spread(times, units))
    return min(1, covariance / Double(spread(times, times)) * (covariance / Double(variance)))
  }

  /// In the order of the properties' rule.
  func everything(at t: Int64) -> [Double?] {
    let total = Double(sum(units)) / scale.factor
    let delta = isCovered ? Double(units[units.count - 1] - units[0]) / scale.factor : nil
    let isFlat: Double? = isCovered ? (values.allSatisfy { $0 == values[0] } ? 1 : 0) : nil
    return [
      mean, Double(values.count), isCovered ? total : nil, isCovered ? values.min() : nil, isCovered ? values.max() : nil, deviation,
      quantile(50), quantile(95), delta, increase, slope.map { $0 * 3_600_000 / scale.factor }, fit, isFlat, line(at: t + 7000),
      time(from: t, to: 0.3, isAbove: true), time(from: t, to: 0.3, isAbove: false),
    ]
  }
}
