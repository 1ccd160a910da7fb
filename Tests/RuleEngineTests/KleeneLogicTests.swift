import Readings
import RuleEngine
import Testing

@Suite struct KleeneLogicTests {
  private static let f = Truth.false, u = Truth.unknown, t = Truth.true

  @Test("the tables of and, or, not")
  func tables() {
    let (f, u, t) = (Self.f, Self.u, Self.t)
    let order = [f, u, t]
    #expect(order.map { a in order.map { Truth.and(a, $0) } } == [[f, f, f], [f, u, u], [f, u, t]])
    #expect(order.map { a in order.map { Truth.or(a, $0) } } == [[f, u, t], [u, u, t], [t, t, t]])
    #expect(order.map { !$0 } == [t, u, f])
  }

  @Test("programs follow the tables, whatever is skipped", arguments: Truth.allCases, Truth.allCases)
  func programs(a: Truth, b: Truth) throws {
    // A metric that nobody sent is unknown; otherwise its sign is the truth.
    var shop = try RuleWorkshop(
      rules: """
        rules:
          - {id: a-and, when: "last(a) > 0 and last(b) > 0", clear: "not (last(a) > 0 or last(b) > 0)", severity: info}
          - {id: b-or, when: "last(a) > 0 or last(b) > 0", severity: info}
          - {id: c-mixed, when: "(last(a) > 0 or last(b) > 0) and not (last(a) > 0 and last(b) > 0)", severity: info}
        """, registry: try RuleWorkshop.oneDevice(metrics: "a: {unit: x}, b: {unit: x}"))
    for (metric, truth) in [a, b].enumerated() where truth != .unknown { shop.put(0, metric, ts: 1000, truth == .true ? 1 : -1) }
    let both = shop.verdict(0, at: 1000)
    #expect(both.when == Truth.and(a, b))
    #expect(both.clear == !Truth.or(a, b))
    let either = shop.verdict(1, at: 1000)
    #expect(either == Verdict(when: Truth.or(a, b), clear: !Truth.or(a, b)))
    #expect(shop.verdict(2, at: 1000).when == Truth.and(Truth.or(a, b), !Truth.and(a, b)))
  }

  @Test(
    "comparisons and arithmetic compute, and unknown stays unknown",
    arguments: [
      ("last(a) == 6", Truth.true), ("last(a) != 6", .false), ("6 <= last(a)", .true), ("6 < last(a)", .false), ("7 > last(a)", .true),
      ("last(a) / 0 > 1", .unknown), ("last(a) / (last(a) - 6) > 1", .unknown), ("last(b) > 1", .unknown), ("last(b) == last(b)", .unknown),
      ("last(a) + 2 * 3 == 12", .true), ("(last(a) + 2) * 3 == 24", .true), ("last(a) - 1 - 2 == 3", .true), ("-last(a) < -5", .true),
      ("last(a) / 4 == 1.5", .true), ("2 < 3", .true), ("age(a) < 2 * 5m", .true), ("age(a) / 1s == 4", .true),
      ("age(a) - age(a) >= 0s", .true), ("count(b, 1m) == 0", .true), ("mean(b, 1m) == 0", .unknown), ("last(a) >= last(a)", .true),
      ("last(a) > last(b) or last(a) < 7", .true), ("last(a) > attr.missing or last(a) > 0", .true),
    ])
  func computes(when: String, expected: Truth) throws {
    let registry = try RuleWorkshop.registry(files: [
      "profiles/p.yaml": "id: p\ndomain: test\ninterval: 1s\nmetrics: {a: {unit: x}, b: {unit: x}}\n", "sites.yaml": "sites: [{id: s}]",
      "d.yaml": "devices: [{id: d, profile: p, site: s}, {id: e, profile: p, site: s, attributes: {missing: 1}}]",
    ])
    var shop = try RuleWorkshop(rules: "rules: [{id: r, when: \"\(when)\", severity: info}]", registry: registry)
    shop.put(0, 0, ts: 1000, 6)
    #expect(shop.verdict(at: 5000).when == expected)
  }
}
