import Foundation
import Readings
import SeriesStore
import TestSupport
import Testing

/// Sums of decimals are exact, in any order and in any parts; sums of anything else are finite, and as good as doubles are.
@Suite struct DecimalSumTests {
  private static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)

  /// A decimal as a double, and the same in billionths.
  private struct Decimal {
    var value: Double
    var billionths: Int128

    init(digits: Int, places: Int, _ random: inout SeededGenerator) {
      let most = (0..<digits).reduce(1) { most, _ in most * 10 } - 1
      let integer = Int.random(in: -most...most, using: &random)
      value = Double("\(integer)e-\(places)") ?? .nan
      billionths = (places..<9).reduce(Int128(integer)) { integer, _ in integer * 10 }
    }

    /// The nearest double of their sum, as the C library reads it.
    static func sum(_ all: some Sequence<Decimal>) -> Double {
      let sum = all.reduce(Int128(0)) { $0 + $1.billionths }
      return Double("\(sum)e-9") ?? .nan
    }
  }

  private static func sum(_ values: some Sequence<Double>) -> Double {
    var sum = DecimalSum()
    for value in values { sum.add(value) }
    return sum.value
  }

  @Test func `Decimals of any scales give the nearest double of their exact sum`() {
    for seed in Self.seed..<(Self.seed + 400) {
      var random = SeededGenerator(seed: seed)
      let scales = (0...Int.random(in: 0...3, using: &random)).map { _ in Int.random(in: 0...9, using: &random) }
      let digits = Int.random(in: 1...15, using: &random)
      let all = (0..<Int.random(in: 1...900, using: &random)).map { _ in
        Decimal(digits: digits, places: scales.randomElement(using: &random) ?? 0, &random)
      }
      let expected = Decimal.sum(all)
      #expect(Self.sum(all.map(\.value)) == expected, "seed \(seed): \(digits) digits, \(scales) places")
      #expect(Self.sum(all.shuffled(using: &random).map(\.value)) == expected, "seed \(seed), in another order")
    }
  }

  @Test func `What was added in parts is what was added at once`() {
    for seed in Self.seed..<(Self.seed + 400) {
      var random = SeededGenerator(seed: seed)
      let places = Int.random(in: 0...9, using: &random)
      let all = (0..<500).map { _ in Decimal(digits: 11, places: Int.random(in: 0...places, using: &random), &random) }
      let cuts = (0..<Int.random(in: 0...20, using: &random)).map { _ in Int.random(in: 0...all.count, using: &random) }.sorted()
      var parts: [Double] = []
      for (from, to) in zip([0] + cuts, cuts + [all.count]) { parts.append(Self.sum(all[from..<to].map(\.value))) }
      // As far as a part is a decimal of at most 15 digits, which a double is sure of.
      let isSure = parts.allSatisfy { abs($0) * pow(10, Double(places)) < 1e15 }
      if isSure { #expect(Self.sum(parts) == Decimal.sum(all), "seed \(seed): \(places) places, parts \(parts.count)") }
    }
  }

  @Test func `Whatever is no such decimal is added as it comes, and no sum is beyond every number`() {
    let strange: [Double] = [
      0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude / 3, 0x1p53, 0x1p53 + 2, -0x1p53, 0x1p63, -0x1p63,
      1e18, 1e19, 1e300, -1e300, 1 / 3, 0.1 + 0.2, .pi,
      1e-9, 1e-10, 9_007_199.254740993, 123_456_789.123456789, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
    ]
    for seed in Self.seed..<(Self.seed + 2000) {
      var random = SeededGenerator(seed: seed)
      let all = (0..<Int.random(in: 1...12, using: &random)).map { _ in strange.randomElement(using: &random) ?? 0 }
      let sum = Self.sum(all)
      #expect(sum.isFinite, "seed \(seed): \(all)")
      let size = all.map(\.magnitude).reduce(0, +)
      guard size.isFinite else { continue }
      #expect(abs(sum - all.reduce(0, +)) <= size * 1e-14, "seed \(seed): \(all)")
    }
    for one in strange { #expect(Self.sum([one]) == one) }
    #expect(Self.sum([.greatestFiniteMagnitude, .greatestFiniteMagnitude]) == .greatestFiniteMagnitude)
    #expect(Self.sum([-.greatestFiniteMagnitude, -.greatestFiniteMagnitude]) == -.greatestFiniteMagnitude)
    #expect(Self.sum([]) == 0)
  }
}
