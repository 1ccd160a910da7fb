import DeviceRegistry
import Foundation
import Readings
import Simulation
import Testing

@Suite struct ScenarioFileTests {
  let registry: Registry
  init() throws { registry = try ShippedCity.registry() }

  func faults(_ text: String) -> [String] {
    do {
      _ = try ScenarioFile.parse(text, name: "s.yaml", registry: registry)
      return []
    } catch {
      return error.faults.map(\.description)
    }
  }

  @Test func `the shipped scenario has an incident in every domain of both towns' devices`() throws {
    let scenario = try ShippedCity.twoTowns(registry)
    let domains = Set(scenario.incidents.flatMap(\.devices).compactMap { registry.deviceIndex($0).map { registry.profile(of: $0).domain } })
    #expect(domains == Set(registry.domains))
    #expect(domains == ["traffic", "environment", "lighting", "waste", "power", "water"])
  }

  @Test func `every rule that the shipped scenario expects is a rule`() throws {
    let scenario = try ShippedCity.twoTowns(registry)
    let folder = ShippedCity.root.appendingPathComponent("Rules")
    let list = FaultList()
    var known: Set<String> = []
    for domain in registry.domains {
      let file = try #require(TextFiles.yaml(folder.appendingPathComponent("\(domain).yaml"), faults: list))
      for rule in file.mapping(keys: ["rules"])?["rules"]?.list() ?? [] {
        for (key, value) in rule.openMapping() ?? [] where key.string == "id" { known.insert(value.string ?? "") }
      }
    }
    #expect(list.faults.isEmpty)
    #expect(known.isSuperset(of: scenario.incidents.flatMap(\.expect)))
  }

  @Test func `all faults of a file are told at once, each with its place`() {
    let found = faults(
      """
      name: Thử
      start: yesterday
      colour: red
      """)
    #expect(found.contains { $0.hasPrefix("s.yaml:3:1: unknown key \"colour\"") })
    let more = faults(
      """
      name: Thử
      start: 2025-11-21T06:30:00+07:00
      noise: 11
      latency: [1s, 20s]
      devices: {site: [ha-noi]}
      incidents:
        - {id: a, kind: flood, devices: [bg-tr-001], from: 1m, for: 5m}
        - {id: b, kind: congestion, devices: [bg-tr-099], from: 1m, for: 5m}
        - {id: c, kind: methane, devices: [bg-tr-001], from: 1m, for: 5m}
        - {id: d, kind: silence, devices: [bg-tr-001], from: 1m, for: 4m, ramp: 3m}
        - {id: e, kind: silence, devices: [bg-tr-001], from: soon, for: 4m}
        - {kind: silence, devices: [bg-tr-001], from: 0s, for: 4m}
      """)
    for line in [3, 4, 5, 7, 8, 9, 10, 11, 12] { #expect(more.contains { $0.hasPrefix("s.yaml:\(line):") }, "line \(line): \(more)") }
    #expect(more.contains { $0.contains("no such kind \"flood\"; known: congestion") })
    #expect(more.contains { $0.contains("no device bg-tr-099 is registered; near it: ") })
    #expect(more.contains { $0.contains("cannot show methane") })
  }

  @Test func `an instant that is none is a fault`() {
    #expect(faults("{name: x, start: 2025-13-01T00:00:00Z}").first?.contains("expected an instant") == true)
    #expect(faults("name: x") == ["s.yaml:1:1: \"start\" is missing"])
    #expect(faults("") == ["s.yaml: the file is empty"])
  }

  @Test func `a device that takes no part cannot have an incident`() {
    let text = """
      name: x
      start: 2025-11-21T06:30:00+07:00
      devices: {domain: waste}
      incidents:
        - {id: a, kind: congestion, devices: bg-tr-001, from: 1m, for: 5m}
      """
    #expect(faults(text).contains { $0.hasPrefix("s.yaml:5:") && $0.contains("takes no part") })
  }

  @Test func `an incident rises, stands and falls`() {
    let incident = Incident(id: "a", kind: .smoke, devices: [], from: 1000, length: 10_000, ramp: 2000, strength: 0.5, expect: [])
    let times: [Milliseconds] = [0, 1000, 2000, 3000, 6000, 10_000, 11_000]
    #expect(times.map { incident.intensity(at: $0) } == [0, 0, 0.25, 0.5, 0.5, 0.25, 0])
  }
}
