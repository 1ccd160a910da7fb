package import DeviceRegistry
package import Readings
package import SeriesStore

/// How long readings and rollups are kept of these devices within `max_size`. Where all does not fit, readings are kept for less, but not
/// for less than 60 days (Circular 10/2021/TT-BTNMT).
///
/// The figures are generous: the benchmark day takes 0.44 bytes a reading and 5 a bucket. What really is in the way is let go of by what
/// the rings really take (`GatewayStore`).
package struct StorePlan: Sendable {
  static let bytesPerReading = 1.0
  static func bytesPerBucket(_ resolution: Resolution) -> Double { resolution == .day ? 9 : 6 }
  /// For the log, alerts, events, and rows that wait to go.
  static let reserved = 0.25
  private static let rawLeast: Milliseconds = 60 * 86_400_000
  private static let day = 86_400_000.0

  package let series: Int
  package let readingsPerDay: Double
  /// How long readings are kept.
  package let raw: Milliseconds
  package let rawWanted: Milliseconds
  package let rollups: [Resolution: Milliseconds]
  package let sizeMax: Int64

  package init(_ configuration: GatewayConfiguration, _ registry: Registry) {
    var (count, perDay) = (0, 0.0)
    for device in registry.devices.indices {
      let metrics = registry.profile(of: device).metrics.count
      count += metrics
      perDay += Double(metrics) * Self.day / Double(max(1, registry.interval(of: device)))
    }
    (series, readingsPerDay, sizeMax) = (count, perDay, configuration.sizeMax)
    (rawWanted, rollups) = (configuration.rawRetention, configuration.rollupRetention)
    let rollupBytes = Resolution.allCases.reduce(0.0) { $0 + Self.bytes($1, count, configuration.rollupRetention) }
    let space = max(0, Double(configuration.sizeMax) * (1 - Self.reserved) - rollupBytes)
    let fitting = perDay > 0 ? Milliseconds(min(space / (perDay * Self.bytesPerReading) * Self.day, 1e15)) : rawWanted
    raw = min(rawWanted, max(fitting, Self.rawLeast))
    fits = fitting >= min(rawWanted, Self.rawLeast)
  }

  /// There is room for 60 days of readings, or for all that is asked for.
  package let fits: Bool

  private static func bytes(_ resolution: Resolution, _ series: Int, _ retention: [Resolution: Milliseconds]) -> Double {
    Double(series) * Double(retention[resolution] ?? 0) / Double(resolution.length) * bytesPerBucket(resolution)
  }

  private var rawBytes: Double { readingsPerDay * Double(raw) / Self.day * Self.bytesPerReading }

  /// What would be enough.
  private var needed: Double {
    let rollups = Resolution.allCases.reduce(0.0) { $0 + Self.bytes($1, series, self.rollups) }
    return (rawBytes + rollups) / (1 - Self.reserved)
  }

  /// Nil where everything fits.
  package var fault: FileFault? {
    if fits { return nil }
    return FileFault(
      file: "data.max_size",
      message:
        "\(Self.size(Double(sizeMax))) is too little for \(series) series: \(Self.days(raw)) of readings and the rollups need about \(Self.size(needed)); raise max_size, or keep rollups for less (data.retention)"
    )
  }

  /// What is kept for how long, a line each.
  package var lines: [String] {
    let head = "store: \(series) series, \(Int(readingsPerDay.rounded())) readings a day, max_size \(Self.size(Double(sizeMax)))"
    let short = raw < rawWanted ? ", in place of \(Self.days(rawWanted)): max_size wins" : ""
    return [head, "  raw  \(Self.days(raw)), about \(Self.size(rawBytes))\(short)"]
      + Resolution.allCases.map { resolution in
        let name = resolution.name.padding(4)
        return "  \(name) \(Self.days(rollups[resolution] ?? 0)), about \(Self.size(Self.bytes(resolution, series, rollups)))"
      }
  }

  private static func days(_ length: Milliseconds) -> String {
    length < 86_400_000 ? "\(Double(length * 10 / 3_600_000) / 10) hours" : "\(length / 86_400_000) days"
  }

  private static func size(_ bytes: Double) -> String {
    let units: [(String, Double)] = [("GB", 0x1p30), ("MB", 0x1p20), ("KB", 0x1p10)]
    guard let unit = units.first(where: { bytes >= $0.1 }) else { return "\(Int(bytes)) B" }
    return "\((bytes / unit.1).rounded(toDecimals: 1)) \(unit.0)"
  }
}

extension String {
  fileprivate func padding(_ length: Int) -> String { self + String(repeating: " ", count: max(0, length - count)) }
}
