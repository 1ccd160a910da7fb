/// What a rule may ask about a device at T. Every answer is computed anew from all readings that are stored; nil is unknown.
/// Values are whole hundredths, which every value of the town is that a rule reads.
struct ModelView {
  /// By metric of the device.
  let series: [[ModelReading]]
  let device: ModelDevice
  let t: Int64
  /// `age` counts from here at the earliest.
  let registeredAt: Int64
  let outages: [ModelOutage]

  private func readings(_ metric: String) -> [ModelReading] { device.metric(metric).map { series[$0] } ?? [] }

  private static func hundredths(_ reading: ModelReading) -> Int64 { reading.value.map { Int64(($0 * 100).rounded()) } ?? 0 }

  /// The good values in (T - w, T].
  private func good(_ metric: String, _ width: Int64) -> [Int64] {
    var found: [Int64] = []
    for reading in readings(metric) where reading.ts > t - width && reading.ts <= t && reading.isGood {
      found.append(Self.hundredths(reading))
    }
    return found
  }

  /// The good values in (T - w, T]; nil where there are none, or where they cover less than half, each counting for one interval.
  private func covering(_ metric: String, _ width: Int64) -> [Int64]? {
    let values = good(metric, width)
    return values.isEmpty || Int64(values.count) * ModelTown.interval * 2 < width ? nil : values
  }

  func last(_ metric: String) -> Int64? {
    var newest: (ts: Int64, value: Int64)?
    for reading in readings(metric) where reading.ts <= t && reading.ts > newest?.ts ?? .min && reading.isGood {
      newest = (reading.ts, Self.hundredths(reading))
    }
    return newest?.value
  }

  func count(_ metric: String, _ width: Int64) -> Int { good(metric, width).count }
  func max(_ metric: String, _ width: Int64) -> Int64? { covering(metric, width)?.max() }
  func min(_ metric: String, _ width: Int64) -> Int64? { covering(metric, width)?.min() }

  /// The mean is sum / count: comparing the sum with count × limit needs no division.
  func mean(_ metric: String, _ width: Int64, isBelow limit: Int64) -> Bool? {
    covering(metric, width).map { $0.reduce(0, +) < limit * Int64($0.count) }
  }
  func mean(_ metric: String, _ width: Int64, isAbove limit: Int64) -> Bool? {
    covering(metric, width).map { $0.reduce(0, +) > limit * Int64($0.count) }
  }

  /// Connected time from the later of the last reading (of any status, whatever its ts) and the registration, in milliseconds.
  func age(_ metric: String) -> Int64 {
    let from = Swift.max(readings(metric).reduce(Int64.min) { Swift.max($0, $1.ts) }, registeredAt)
    return ModelOutage.connected(outages, from: from, to: t)
  }
}

/// A time in which the intake was down.
struct ModelOutage {
  var from: Int64
  /// nil while it lasts.
  var to: Int64?

  static func connected(_ outages: [ModelOutage], from: Int64, to: Int64) -> Int64 {
    if to <= from { return 0 }
    let down = outages.map { max(0, min($0.to ?? to, to) - max($0.from, from)) }
    return to - from - down.reduce(0, +)
  }
}

/// Kleene's logic: nil is unknown.
enum Kleene {
  static func and(_ a: Bool?, _ b: Bool?) -> Bool? {
    if a == false || b == false { return false }
    return a == true && b == true ? true : nil
  }
  static func or(_ a: Bool?, _ b: Bool?) -> Bool? {
    if a == true || b == true { return true }
    return a == false && b == false ? false : nil
  }
  static func not(_ a: Bool?) -> Bool? { a.map { !$0 } }
}
