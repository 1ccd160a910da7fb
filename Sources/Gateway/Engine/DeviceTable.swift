import DeviceRegistry
import Readings
import SeriesStore

/// What a message needs to know of its device, flat: looked up by index, nothing allocated.
final class DeviceTable {
  /// A profile's metric names as bytes that live as long as the table.
  struct Names {
    var names: [UnsafeBufferPointer<UInt8>]
  }

  let registry: Registry
  private let ids: [UnsafeBufferPointer<UInt8>]
  private let profileOf: [Int]
  private let metricNames: [Names]
  /// Where a device's series begin in `series`.
  private let firstSeries: [Int]
  private let series: [SeriesID]
  /// Beyond them a value is `range`; infinite where the metric has no range or uses what is over it.
  private let limits: [(low: Double, high: Double)]
  private let owned: [UnsafeMutableBufferPointer<UInt8>]

  /// - Parameter series: by device and metric, in the registry's order.
  init(registry: Registry, series: [[SeriesID]]) {
    var owned: [UnsafeMutableBufferPointer<UInt8>] = []
    func keep(_ text: String) -> UnsafeBufferPointer<UInt8> {
      let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.utf8.count))
      _ = copy.initialize(from: text.utf8)
      owned.append(copy)
      return UnsafeBufferPointer(rebasing: copy[..<text.utf8.count])
    }
    self.registry = registry
    ids = registry.devices.map { keep($0.id) }
    profileOf = registry.devices.map(\.profile)
    metricNames = registry.profiles.map { profile in Names(names: profile.metrics.map { keep($0.name) }) }
    var first: [Int] = []
    var all: [SeriesID] = []
    var limits: [(low: Double, high: Double)] = []
    for (device, own) in series.enumerated() {
      first.append(all.count)
      all += own
      limits += registry.profile(of: device).metrics.map { metric in
        guard let range = metric.range, !metric.usesOverRange else { return (-.infinity, .infinity) }
        return (range.lowerBound, range.upperBound)
      }
    }
    (firstSeries, self.series, self.limits, self.owned) = (first, all, limits, owned)
  }

  deinit { for memory in owned { memory.deallocate() } }

  func id(_ device: Int) -> UnsafeBufferPointer<UInt8> { ids[device] }
  func profile(_ device: Int) -> Profile { registry.profiles[profileOf[device]] }
  func profileIndex(_ device: Int) -> Int { profileOf[device] }
  func metricCount(_ profile: Int) -> Int { metricNames[profile].names.count }
  func metricName(_ profile: Int, _ metric: Int) -> UnsafeBufferPointer<UInt8> { metricNames[profile].names[metric] }
  func isOutOfRange(_ device: Int, _ metric: Int, _ value: Double) -> Bool {
    let limits = limits[firstSeries[device] + metric]
    return value < limits.low || value > limits.high
  }
  func series(_ device: Int, _ metric: Int) -> SeriesID { series[firstSeries[device] + metric] }
}
