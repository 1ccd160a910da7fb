import Readings
import RuleEngine
import SeriesStore
import TestSupport
import Testing

/// A window's value is a function of the readings in it: compared bit for bit with a computation that knows nothing but them.
@Suite struct WindowPropertyTests {
  /// Widths in milliseconds, as rules below name them.
  private static let widths: [Int64] = [1000, 5000, 60_000]
  private static let rules: String = {
    let functions = ["mean", "count", "sum", "min", "max", "stddev", "p50", "p95", "delta", "increase", "slope", "fit"]
    let conditions = ["1s", "5s", "1m"].flatMap { width in
      functions.map { "\($0)(a, \(width)) > 0" } + [
        "flat(a, \(width))", "forecast(a, \(width), 7s) > 0", "time_above(a, 0.3, \(width)) > 0s", "time_below(a, 0.3, \(width)) > 0s",
      ]
    }
    let when = (["last(a) > 0", "hour_mean(a) > 0"] + conditions).joined(separator: " or ")
    return "rules: [{id: r, severity: info, when: \"\(when)\"}]"
  }()

  private static func expected(_ samples: [WindowSample], at t: Int64, interval: Int64, scale: DecimalScale) -> [Double?] {
    let known = samples.filter { $0.ts <= t && $0.quality.isGood && !$0.value.isNaN }.sorted { $0.ts < $1.ts }
    let hour = Int64((Double(t) / 3_600_000).rounded(.down)) * 3_600_000
    let hourly = NaiveWindow(known.filter { $0.ts >= hour - 3_600_000 && $0.ts < hour }, width: 3_600_000, interval: interval, scale: scale)
    return [known.last?.value, hourly.mean]
      + widths.flatMap { width in
        NaiveWindow(known.filter { $0.ts > t - width }, width: width, interval: interval, scale: scale).everything(at: t)
      }
  }

  private static func agree(_ values: [ConditionValue], _ expected: [Double?]) -> Bool {
    values.count == expected.count && zip(values, expected).allSatisfy { $0.value?.bitPattern == $1?.bitPattern }
  }

  @Test("random readings, late ones too, at times that go both ways", arguments: 1...60 as ClosedRange<UInt64>)
  func randomReadings(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let interval: Int64 = [1, 3, 10, 600].randomElement(using: &generator) ?? 1
    let registry = try RuleWorkshop.oneDevice(metrics: "a: {unit: x, resolution: 0.1}", interval: "\(interval)s")
    var shop = try RuleWorkshop(rules: Self.rules, registry: registry)
    var samples: [Int64: WindowSample] = [:]
    var now: Int64 = 1_700_000_000_000
    let magnitude: Double = [1.0, 100, 1e9, 4e11, 1e17].randomElement(using: &generator) ?? 1
    var isStuck = false
    for step in 0..<400 {
      if Int.random(in: 0..<20, using: &generator) == 0 { isStuck.toggle() }
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let late: Int64 = Int.random(in: 0..<4, using: &generator) == 0 ? Int64.random(in: -3000...70_000, using: &generator) : 0
        let value = isStuck ? 7.5 : (Double.random(in: -1...1, using: &generator) * magnitude * 10).rounded() / 10
        let quality: Quality =
          [.measuring, .measuring, .measuring, .fault, .measuring.moved].randomElement(using: &generator) ?? .measuring
        let sample = WindowSample(
          ts: now - late, value: Int.random(in: 0..<20, using: &generator) == 0 ? .nan : value + 0.0, quality: quality)
        if samples[sample.ts] == nil { samples[sample.ts] = sample }
        shop.put(ts: sample.ts, sample.value, sample.quality)
        now += ([0, 1, 200, 1000, 1000, 1000] as [Int64]).randomElement(using: &generator) ?? 0
      }
      if Int.random(in: 0..<40, using: &generator) == 0 { now += Int64.random(in: 0...200_000, using: &generator) }
      let back = ([0, 0, 0, -2000, 1, 1500, 4000, 30_000, 100_000] as [Int64]).randomElement(using: &generator) ?? 0
      let expected = Self.expected(Array(samples.values), at: now - back, interval: interval * 1000, scale: DecimalScale(decimals: 1))
      let values = shop.values(at: now - back)
      try #require(Self.agree(values, expected), "seed \(seed), step \(step): \(values) against \(expected)")
    }
  }

  @Test("every order of up to six readings, looked at after each, says the same as the set", arguments: [1, 600] as [Int64])
  func everyOrder(interval: Int64) throws {
    let registry = try RuleWorkshop.oneDevice(metrics: "a: {unit: x, resolution: 0.1}", interval: "\(interval)s")
    let program = try RuleWorkshop(rules: Self.rules, registry: registry).program
    let base: Int64 = 1_000_000
    let all = [
      WindowSample(ts: base, value: 3.1, quality: .measuring), WindowSample(ts: base + 900, value: -2.2, quality: .measuring),
      WindowSample(ts: base + 1900, value: 7.7, quality: .calibrating), WindowSample(ts: base + 3000, value: 7.7, quality: .measuring),
      WindowSample(ts: base + 4000, value: 7.7, quality: .measuring), WindowSample(ts: base + 4900, value: 0.4, quality: .measuring),
    ]
    let looks: [[Int64]] = [[5100], [], [900, 6000, 0], [5999, 5000, 1899, 5100], [-1, 61_000]]
    for size in 1...all.count {
      for order in Self.permutations(Array(0..<size)) {
        for pattern in looks {
          var shop = RuleWorkshop(program: program)
          for (step, index) in order.enumerated() {
            shop.put(ts: all[index].ts, all[index].value, all[index].quality)
            let samples = order[...step].map { all[$0] }
            for look in pattern + (step == size - 1 ? [4900] : []) {
              let expected = Self.expected(samples, at: base + look, interval: interval * 1000, scale: DecimalScale(decimals: 1))
              let values = shop.values(at: base + look)
              try #require(Self.agree(values, expected), "order \(order), step \(step), look \(look): \(values) against \(expected)")
            }
          }
        }
      }
    }
  }

  private static func permutations(_ items: [Int]) -> [[Int]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { index in
      var rest = items
      let first = rest.remove(at: index)
      return permutations(rest).map { [first] + $0 }
    }
  }
}
