import DeviceRegistry
import Readings
import RuleEngine
import Testing

/// What rules share, and what they keep in memory.
@Suite struct RuleMemoryTests {
  private static func program(_ when: String, interval: String = "1m") throws -> RuleProgram {
    try RuleWorkshop(
      rules: "rules: [{id: r, when: \"\(when)\", severity: info}]",
      registry: try RuleWorkshop.oneDevice(metrics: "a: {unit: m}, b: {unit: m}", interval: interval)
    ).program
  }

  @Test(
    "functions of one window have one in common",
    arguments: [
      ("mean(a, 5m) > 1 and sum(a, 5m) > 1 and count(a, 300s) > 1", 1), ("mean(a, 5m) > 1 and stddev(a, 5m) > 1", 1),
      ("mean(a, 5m) > 1 and stddev(a, 5m) > 1 and slope(a, 5m) > 1 and fit(a, 5m) > 1 and forecast(a, 5m, 1h) > 1", 1),
      ("time_above(a, 5, 1h) < 1h and time_below(a, 3, 1h) < 1h", 1), ("delta(a, 1h) > 1 and increase(a, 1h) > 1 and flat(a, 1h)", 1),
      ("p50(a, 1h) > 1 and p95(a, 1h) > 1", 1), ("mean(a, 5m) > 1 and mean(a, 6m) > 1", 2), ("mean(a, 5m) > 1 and mean(b, 5m) > 1", 2),
      ("mean(a, 1h) > 1 and hour_mean(a) > 1", 2), ("min(a, 5m) > 1 and max(a, 5m) > 1", 2), ("age(a) > 5m and online()", 0),
    ])
  func windowsInCommon(when: String, count: Int) throws {
    #expect(try Self.program(when).windowCount(of: 0) == count)
  }

  @Test("whatever shares a window says what it would say alone")
  func sharedSaysTheSame() throws {
    let functions = ["mean(a, 5m)", "sum(a, 5m)", "count(a, 5m)", "stddev(a, 5m)", "slope(a, 5m)"]
    let registry = try RuleWorkshop.oneDevice(metrics: "a: {unit: m}", interval: "1m")
    var together = try RuleWorkshop(
      rules: "rules: [{id: r, when: '\(functions.map { "\($0) > 0" }.joined(separator: " or "))', severity: info}]", registry: registry)
    for n in 0..<5 { together.put(ts: Int64(n) * 60_000, [1, 4.25, -3, 8.125, 2][n]) }
    for (place, function) in functions.enumerated() {
      var alone = try RuleWorkshop(rules: "rules: [{id: r, when: '\(function) > 0', severity: info}]", registry: registry)
      for n in 0..<5 { alone.put(ts: Int64(n) * 60_000, [1, 4.25, -3, 8.125, 2][n]) }
      #expect(alone.values(at: 240_000)[0] == together.values(at: 240_000)[place])
      #expect(alone.values(at: 240_000)[0].value != nil)
    }
  }

  @Test("memory of a device is told before it is used: states, rings, and the readings that windows look back on")
  func memory() throws {
    let program = try Self.program("mean(a, 24h) > 1 and max(a, 1h) > 1 and p95(b, 1h) > 1 and hour_mean(b) > 1")
    let memory = program.memory(of: 0)
    #expect(memory.readings == 24 * 60 + 2 * 60)
    #expect(memory.rings == 61 * 32 + 61 * 16)
    #expect(memory.states <= 32 + 4 * 144)
    #expect(program.widestWindow(of: 0) == 24 * 3_600_000)
    #expect(try Self.program("hour_mean(a) > 1").widestWindow(of: 0) == 2 * 3_600_000)
    #expect(try Self.program("age(a) > 1m").memory(of: 0).readings == 0)
    let states = try [
      "last(a)", "mean(a, 1h)", "max(a, 1h)", "stddev(a, 1h)", "p95(a, 1h)", "delta(a, 1h)", "slope(a, 1h)", "hour_mean(a)",
    ].map {
      try Self.program("\($0) > 1").memory(of: 0).states - 32
    }
    #expect(states.allSatisfy { (16...144).contains($0) }, "\(states)")
  }

  @Test("a rule that keeps very many readings of a device in memory is warned of")
  func warns() throws {
    func warnings(_ when: String, _ interval: String) throws -> [String] {
      try Self.program(when, interval: interval).book.warnings.map(\.description)
    }
    #expect(try warnings("mean(a, 30d) > 1 and mean(b, 30d) > 1", "1m").isEmpty)
    #expect(
      try warnings("mean(a, 30d) > 1", "10s") == [
        "Rules/test.yaml:1:9: rule r keeps 259200 readings of d in memory (3 MiB): shorten its windows, or read a slower metric"
      ])
  }
}
