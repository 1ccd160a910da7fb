import Readings
import RuleEngine
import TestSupport
import Testing

@Suite struct DecimalArithmeticTests {
  private static let rules = """
    rules:
      - {id: r1, when: "last(a) - last(b) > last(c)", clear: "last(a) - last(b) == last(c)", severity: info}
      - {id: r2, when: "last(b) + last(c) < last(a)", clear: "last(b) + last(c) == last(a)", severity: info}
      - {id: r3, when: "last(c) * last(d) > last(e)", clear: "last(c) * last(d) == last(e)", severity: info}
      - {id: r4, when: "last(e) / last(d) < last(c)", clear: "last(e) / last(d) == last(c)", severity: info}
    """

  private static func shop() throws -> RuleWorkshop {
    try RuleWorkshop(
      rules: rules,
      registry: try RuleWorkshop.oneDevice(metrics: "a: {unit: x}, b: {unit: x}, c: {unit: x}, d: {unit: x}, e: {unit: x}"))
  }

  /// Of whole numbers of thousandths, what is computed is exact: no other numbers than these tell whether a limit is met.
  @Test("decimal numbers that meet a limit exactly do not exceed it", arguments: 1...20 as ClosedRange<UInt64>)
  func exact(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var shop = try Self.shop()
    for n in 1...2000 {
      let largest = [1_000, 100_000, 100_000_000, 100_000_000_000][n % 4]
      let b = Int.random(in: -largest...largest, using: &generator)
      let c = Int.random(in: -largest...largest, using: &generator)
      let d = Int.random(in: 1...2000, using: &generator)
      let (factor, other) = (c % 1_000_000, Int.random(in: -1...1, using: &generator))
      let t = Int64(n) * 1000
      shop.put(0, 0, ts: t, Double(b + c + other) / 1000)
      shop.put(0, 1, ts: t, Double(b) / 1000)
      shop.put(0, 2, ts: t, Double(c) / 1000)
      for binding in 0...1 {
        #expect(
          shop.verdict(binding, at: t) == Verdict(when: other > 0 ? .true : .false, clear: other == 0 ? .true : .false),
          "seed \(seed), number \(n): \(b + c + other), \(b), \(c) thousandths, rule r\(binding + 1)")
      }
      shop.put(0, 2, ts: t + 1, Double(factor) / 1000)
      shop.put(0, 3, ts: t + 1, Double(d) / 1000)
      shop.put(0, 4, ts: t + 1, Double(factor * d) / 1_000_000)
      for binding in 2...3 {
        #expect(
          shop.verdict(binding, at: t + 1) == Verdict(when: .false, clear: .true),
          "seed \(seed), number \(n): \(factor) × \(d) thousandths, rule r\(binding + 1)")
      }
    }
  }

  @Test("what seed 7529 of the simulation found: 70.4 − 30.4 is 40, in readings and in a rule's own numbers")
  func difference() throws {
    var shop = try RuleWorkshop(
      rules: """
        rules:
          - {id: r1, when: "max(a, 1m) - min(a, 1m) > 40", severity: info}
          - {id: r2, when: "last(a) >= 70.4 - 30.4", clear: "70.4 - 30.4 == 40 and 1.1 * 50 == 55 and 0.3 / 0.1 == 3", severity: info}
        """, registry: try RuleWorkshop.oneDevice(metrics: "a: {unit: x, report: on_change}"))
    shop.put(0, 0, ts: 1000, 70.4)
    shop.put(0, 0, ts: 2000, 30.4)
    #expect(shop.verdict(0, at: 2000).when == .false)
    shop.put(0, 0, ts: 3000, 40)
    #expect(shop.verdict(1, at: 3000) == Verdict(when: .true, clear: .true))
    shop.put(0, 0, ts: 4000, 30.3)
    #expect(shop.verdict(0, at: 4000).when == .true)
  }

  @Test("numbers of no decimal size are left as they are: small products are kept, and what overflows is what it is")
  func extremes() throws {
    var shop = try Self.shop()
    let products = [
      (1e-5, 1e-5, 1e-5 * 1e-5), (1e-7, 1e-7, 1e-7 * 1e-7), (1e200, 1e100, 1e200 * 1e100), (3e9, 1.5, 4.5e9), (0.001, 0.0003, 3e-7),
      (5e8, 2.468e-6, 1234), (1e9, 3e-13, 0.0003),
    ]
    for (t, factors) in products.enumerated() {
      shop.put(0, 2, ts: Int64(t) * 1000, factors.0)
      shop.put(0, 3, ts: Int64(t) * 1000, factors.1)
      shop.put(0, 4, ts: Int64(t) * 1000, factors.2)
      #expect(shop.verdict(2, at: Int64(t) * 1000).clear == .true, "\(factors)")
    }
    let quotients = [(1234, 5e8, 2.468e-6), (1, 8e8, 1.25e-9), (0.3, 0.1, 3), (3e-7, 0.0003, 0.001)]
    for (t, parts) in quotients.enumerated() {
      shop.put(0, 4, ts: Int64(t) * 1000 + 100_000, parts.0)
      shop.put(0, 3, ts: Int64(t) * 1000 + 100_000, parts.1)
      shop.put(0, 2, ts: Int64(t) * 1000 + 100_000, parts.2)
      #expect(shop.verdict(3, at: Int64(t) * 1000 + 100_000).clear == .true, "\(parts)")
    }
  }
}
