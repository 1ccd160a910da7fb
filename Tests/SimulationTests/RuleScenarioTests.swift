import DeviceRegistry
import Foundation
import Readings
import RuleEngine
import Simulation
import Testing

@Suite struct RuleScenarioTests {
  let registry: Registry
  init() throws { registry = try ShippedCity.registry() }

  private static let rules = ShippedCity.root.appendingPathComponent("Rules")

  /// The faults of reading, or of running, one scenario over the shipped rules.
  private func faults(_ lines: String...) throws -> [String] {
    let text = "scenarios:\n  - name: test\n" + lines.map { "    \($0)\n" }.joined()
    let scenarios: [RuleScenario]
    do throws(FileFaults) { scenarios = try RuleScenarioFile.parse(text, name: "s.yaml", registry: registry) } catch {
      return error.faults.map(\.description)
    }
    return try scenarios.flatMap { try RuleScenarioRun(rules: Self.rules).faults(of: $0) }.map(\.description)
  }

  private static let jam = [
    "rule: traffic-congestion", "device: {profile: traffic-radar, site: bac-giang, attributes: {free_flow: 50}}",
    "data: [{for: 10m, speed: 45, occupancy: 12}, {for: 20m, speed: 8, occupancy: 60}, {for: 30m, speed: 45, occupancy: 12}]",
  ]

  @Test func `every shipped rule has a scenario that raises and clears it, and one in which nothing of it rings`() throws {
    let book = try RuleFiles.load(directory: Self.rules, registry: registry)
    let scenarios = try RuleScenarioFile.loadAll(directory: Self.rules, registry: registry)
    #expect(book.rules.count > 40)
    for rule in book.rules.map(\.id) {
      let own = scenarios.filter { $0.rules.contains(rule) }
      let turns = own.map { scenario in Set(scenario.expectations.filter { $0.rule == rule }.map(\.transition)) }
      #expect(turns.contains { $0.isSuperset(of: ["raised", "cleared"]) }, "\(rule) is raised and cleared nowhere")
      #expect(turns.contains { $0.isEmpty }, "\(rule) has no near miss")
    }
  }

  @Test func `what the shipped scenarios expect is what the shipped rules do`() throws {
    let run = RuleScenarioRun(rules: Self.rules)
    for scenario in try RuleScenarioFile.loadAll(directory: Self.rules, registry: registry) {
      #expect(try run.faults(of: scenario).map(\.description) == [])
    }
  }

  @Test func `a transition at another time is told with both times, in Vietnam's time, at the expectation's place`() throws {
    let found = try faults(
      Self.jam[0], Self.jam[1], Self.jam[2], "expect:", "  - {at: 07:18, transition: raised, severity: major}",
      "  - {at: +36m, transition: cleared}")
    #expect(
      found == [
        "s.yaml:7:9: scenario \"test\": expected 21/11/2025 07:18:00  alert.raised traffic-congestion major; "
          + "found 21/11/2025 07:17:00  alert.raised traffic-congestion major bac-giang/traffic/device-1"
      ])
  }

  @Test func `what is missing and what nobody expected are both told`() throws {
    let missing = try faults(
      Self.jam[0], Self.jam[1], Self.jam[2], "expect: [{at: 07:17}, {at: 07:36, transition: cleared}, {at: 07:30, transition: escalated}]")
    #expect(
      missing == [
        "s.yaml:6:61: scenario \"test\": expected 21/11/2025 07:30:00  alert.escalated traffic-congestion; nothing of it was found"
      ])
    let unexpected = try faults(Self.jam[0], Self.jam[1], Self.jam[2], "expect: [{at: 07:36, transition: cleared}]")
    #expect(unexpected.count == 1)
    #expect(unexpected.first?.contains("s.yaml:2:5: scenario \"test\": not expected: 21/11/2025 07:17:00  alert.raised") == true)
    let severity = try faults(
      Self.jam[0], Self.jam[1], Self.jam[2], "expect: [{at: 07:17, severity: minor}, {at: 07:36, transition: cleared}]")
    #expect(severity.count == 1)
  }

  @Test func `registered devices, data of each device, lines, words, statuses and pauses`() throws {
    let found = try faults(
      "rule: [traffic-congestion, traffic-radar-silent]", "devices: [bg-tr-001, bg-tr-002]", "start: 2025-11-21T08:00:00+07:00",
      "data:", "  bg-tr-001: [{for: 20m, speed: [45, 5], occupancy: 60}, {for: 10m, speed: 5, occupancy: 60}]",
      "  bg-tr-002: [{for: 10m, speed: 45, occupancy: 12}, {for: 15m, silent: true}, {for: 15m, speed: 45, occupancy: 12, every: 30s}]",
      "expect:", "  - {at: 08:21, rule: traffic-congestion, device: bg-tr-001}",
      "  - {at: 08:20, rule: traffic-radar-silent, device: bg-tr-002}",
      "  - {at: 08:25, rule: traffic-radar-silent, transition: cleared, device: bg-tr-002}")
    #expect(found == [])
    let calibrating = try faults(
      Self.jam[0], Self.jam[1], "data: [{for: 10m, speed: 45, occupancy: 12}, {for: 20m, speed: 8, occupancy: 60, status: \"01\"}]",
      "expect: []")
    #expect(calibrating == [])
    let door = try faults(
      "rule: cabinet-door", "device: {profile: lighting-cabinet, site: bac-giang, attributes: {rated_power: 1}}",
      "data: [{for: 10m, door: OPEN, power: null}]", "expect: [{at: +2m}]")
    #expect(door == [])
  }

  @Test func `an operator's commands act on the alert that a rule has raised`() throws {
    let closed = try faults(
      Self.jam[0], Self.jam[1], Self.jam[2],
      "commands: [{at: 07:20, ack: traffic-congestion, by: Lan}, {at: 07:36, close: traffic-congestion, by: Lan}]",
      "expect: [{at: 07:17}, {at: 07:20, transition: acknowledged}, {at: 07:36, transition: cleared}]")
    #expect(closed.count == 1, "it is over at 07:36 by itself: \(closed)")
    #expect(closed.first?.contains("the command is refused") == true)
    let silenced = try faults(
      Self.jam[0], Self.jam[1], Self.jam[2],
      "commands: [{at: 07:05, silence: {id: s, rule: [traffic-congestion], until: \"2025-11-21T09:00:00+07:00\"}, by: Lan}]", "expect: []")
    #expect(silenced == [])
    let early = try faults(Self.jam[0], Self.jam[1], Self.jam[2], "commands: [{at: 07:05, ack: traffic-congestion, by: Lan}]", "expect: []")
    #expect(early.first?.contains("traffic-congestion has raised no alert until 21/11/2025 07:05:00") == true)
  }

  @Test func `every fault of a file is told at once, with its place`() throws {
    let found = try faults(
      "rule: traffic-congestion", "device: {profile: radar, site: bac-giang}", "data: []", "expect: []")
    #expect(found.count == 1 && found[0].hasPrefix("s.yaml:4:23: no profile radar; known:"), "\(found)")
    let data = try faults(
      Self.jam[1], "data: [{for: 10m, sped: 45}, {speed: 1}, {for: 5m}, {for: 5m, silent: true, speed: 1}]",
      "expect: [{at: 09:00, rule: traffic-congestion}, {at: now, rule: x}, {at: 07:01}, {at: 07:01, rule: y, transition: rung}]")
    for words in [
      "s.yaml:4:23: traffic-radar has no metric sped; it has speed, volume, occupancy, queue", "\"for\" is missing",
      "a span has values, or is silent: true",
      "a silent span has no values", "21/11/2025 09:00:00 is outside the scenario's data", "expected a time such as 07:16",
      "\"rule\" is missing",
      "expected raised, escalated, cleared, acknowledged, flapping, reminder, got \"rung\"",
    ] { #expect(data.contains { $0.contains(words) }, "\(words): \(data)") }
    #expect(
      try faults(Self.jam[0], Self.jam[1], Self.jam[2], "expect: []", "expects: []").first?.contains("unknown key \"expects\"") == true)
    let none = try faults("rule: no-such-rule", Self.jam[1], Self.jam[2], "expect: []")
    #expect(none == ["s.yaml:2:5: scenario \"test\": there is no rule no-such-rule"])
  }
}
