import DeviceRegistry
import Readings
import RuleEngine
import Testing

/// Trends as people draw them: the numbers here are from a ruler, not from the code.
@Suite struct TrendTests {
  private static let minute: Int64 = 60_000
  private static let start: Int64 = 1_763_683_200_000

  private static func shop(_ when: String, interval: String = "1m") throws -> RuleWorkshop {
    try RuleWorkshop(
      rules: "rules: [{id: r, when: \"\(when)\", severity: info}]",
      registry: try RuleWorkshop.oneDevice(metrics: "a: {unit: m, resolution: 0.1}, b: {unit: m}", interval: interval))
  }

  private static func t(_ minutes: Int64) -> Int64 { start + minutes * minute }

  @Test("a line that rises by 0.1 a minute: its slope, its fit, where it will be, and when it will be there")
  func rising() throws {
    var shop = try Self.shop(
      "slope(a, 10m) > 0 and fit(a, 10m) > 0 and forecast(a, 10m, 30m) > 0 and time_above(a, 5, 10m) < 1h and time_below(a, 1, 10m) < 1h and time_above(a, 1, 10m) < 1h"
    )
    for n in 0..<10 { shop.put(ts: Self.t(Int64(n)), 2 + Double(n) / 10) }
    #expect(shop.values(at: Self.t(9)).map(\.value) == [6, 1, 5.9, 21 * 60_000, .infinity, 0])
    #expect(shop.values(at: Self.t(9)).map(\.decimals) == [3, 4, 3, 0, 0, 0])
    // A minute later, without a reading, the line has gone on.
    #expect(shop.values(at: Self.t(10)).map { $0.value?.rounded() }[3] == 1_200_000.0 as Double?)
  }

  @Test("a line that falls comes below, and never above")
  func falling() throws {
    var shop = try Self.shop(
      "time_below(a, 1, 10m) < 1h and time_above(a, 9, 10m) < 1h and time_below(a, 9, 10m) < 1h and slope(a, 10m) < 0")
    for n in 0..<10 { shop.put(ts: Self.t(Int64(n)), 4 - Double(n) / 5) }
    #expect(shop.values(at: Self.t(9)).map { $0.value?.rounded() } == [6 * 60_000, .infinity, 0, -12])
    #expect(shop.verdict(at: Self.t(9)).when == .false)
  }

  @Test("readings that are all equal are a line that fits, stands still and crosses nothing but where it is beyond")
  func flat() throws {
    var shop = try Self.shop(
      "fit(a, 10m) > 0 and slope(a, 10m) > 0 and time_above(a, 40, 10m) < 1h and time_above(a, 40.1, 10m) < 1h and flat(a, 10m)")
    for n in 0..<10 { shop.put(ts: Self.t(Int64(n)), 40.1) }
    #expect(shop.values(at: Self.t(9)).map(\.value) == [1, 0, 0, .infinity, 1])
  }

  @Test("four readings are no trend, and a burst is no trend of hours")
  func tooLittle() throws {
    var shop = try Self.shop(
      "slope(a, 10m) > 0 or fit(a, 10m) > 0 or forecast(a, 10m, 1h) > 0 or time_above(a, 1, 10m) < 1h", interval: "10m")
    for n in 0..<4 {
      shop.put(ts: Self.t(Int64(n) * 3), Double(n))
      #expect(shop.values(at: Self.t(Int64(n) * 3)).allSatisfy { $0.value == nil })
      #expect(shop.verdict(at: Self.t(Int64(n) * 3)).when == .unknown)
    }
    shop.put(ts: Self.t(10), 4)
    #expect(shop.values(at: Self.t(9) + 59_999).allSatisfy { $0.value == nil })
    shop.put(ts: Self.t(8), 3)
    #expect(shop.values(at: Self.t(10)).allSatisfy { $0.value != nil })
    for n in 0..<30 { shop.put(0, 0, ts: Self.t(60) + Int64(n) * 5000, 20) }
    #expect(shop.values(at: Self.t(60) + 150_000).allSatisfy { $0.value == nil }, "two and a half minutes of ten")
    for n in 30..<45 { shop.put(0, 0, ts: Self.t(60) + Int64(n) * 5000, 20) }
    #expect(shop.values(at: Self.t(60) + 220_000).allSatisfy { $0.value != nil }, "three minutes and forty seconds")
  }

  @Test("a limit that is unknown is crossed at no known time")
  func unknownLimit() throws {
    var shop = try Self.shop("time_above(a, last(b), 10m) < 1h or time_below(a, last(b) + 1, 10m) < 1h")
    for n in 0..<10 { shop.put(ts: Self.t(Int64(n)), Double(n)) }
    #expect(shop.values(at: Self.t(9)).map(\.value) == [nil, nil, nil])
    shop.put(0, 1, ts: Self.t(9), 10)
    #expect(shop.values(at: Self.t(9)).map { $0.value?.rounded() } == [60_000, 10, 0])
  }

  @Test("values beyond all decimals have a mean, and no deviation and no trend while they are in the window")
  func beyond() throws {
    var shop = try Self.shop("mean(a, 10m) > 0 and stddev(a, 10m) > 0 and slope(a, 10m) > 0")
    for n in 0..<10 { shop.put(ts: Self.t(Int64(n)), n == 0 ? 1e15 : Double(n)) }
    #expect(shop.values(at: Self.t(9)).map { $0.value == nil } == [false, true, true])
    for n in 10..<12 { shop.put(ts: Self.t(Int64(n)), Double(n)) }
    #expect(shop.values(at: Self.t(11)).map(\.value) == [6.5, (8.25 as Double).squareRoot(), 60])
  }

  @Test("the largest values that have all decimals, thousands of them, are exact")
  func largest() throws {
    let registry = try RuleWorkshop.oneDevice(metrics: "a: {unit: m, resolution: 1}", interval: "10m")
    var shop = try RuleWorkshop(
      rules: "rules: [{id: r, when: 'stddev(a, 1m) > 0 and fit(a, 1m) > 0 and slope(a, 1m) > 0', severity: info}]", registry: registry)
    let scale = DecimalScale(decimals: 0)
    var samples: [WindowSample] = []
    for n in 0..<2900 {
      let value = (n % 3 == 0 ? -4.4e12 : 4.5e12) + Double(n)
      samples.append(WindowSample(ts: Self.start + Int64(n) * 20, value: value, quality: .measuring))
      shop.put(ts: samples[n].ts, value)
    }
    let naive = NaiveWindow(samples, width: 60_000, interval: 600_000, scale: scale).everything(at: Self.start + 58_000)
    #expect(shop.values(at: Self.start + 58_000).map(\.value) == [naive[5], naive[11], naive[10]])
    #expect(naive[5] != nil && naive[10] != nil)
  }

  @Test("the trend of a condition is told with its limit, the time at which it is crossed, its slope and its fit")
  func told() throws {
    let conditions: [(String, RuleForecast?)] = [
      ("last(a) > 1 and time_above(a, 5, 10m) < 1h", forecast(limit: 5, minutes: 21)),
      ("not (forecast(a, 10m, 30m) >= 2 + 3)", forecast(limit: 5, minutes: 21)),
      ("4.4 < forecast(a, 10m, 1d)", forecast(limit: 4.4, minutes: 15)),
      ("forecast(a, 10m, 1h) < 2", forecast(limit: 2, minutes: nil)),
      ("time_below(a, 3, 10m) < 1h", forecast(limit: 3, minutes: 0)),
      ("time_below(a, last(b), 10m) < 1h", nil),
      ("slope(a, 10m) > 3 and last(a) > 1", nil),
    ]
    for (when, expected) in conditions {
      var shop = try Self.shop(when)
      for n in 0..<10 { shop.put(ts: Self.t(Int64(n)), 2 + Double(n) / 10) }
      let told = shop.evaluator.forecast(of: 0, at: Timestamp(milliseconds: Self.t(9)), heads: shop.heads)
      #expect(told == expected, "\(when)")
      #expect(shop.evaluator.forecast(of: 0, at: Timestamp(milliseconds: Self.t(2)), heads: shop.heads) == nil, "\(when)")
    }
  }

  private func forecast(limit: Double, minutes: Int64?) -> RuleForecast {
    RuleForecast(
      metric: "a", limit: limit, crossesAt: minutes.map { Timestamp(milliseconds: Self.t(9 + $0)) }, slopePerHour: 6, fit: 1, decimals: 1)
  }
}
