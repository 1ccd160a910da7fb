import DeviceRegistry
import Foundation
import Readings
import Simulation
import Testing

@Suite struct CityModelTests {
  let registry: Registry
  let scenario: Scenario

  init() throws {
    registry = try ShippedCity.registry()
    scenario = try ShippedCity.twoTowns(registry)
  }

  func bytes(seed: UInt64, length: Milliseconds = 1_800_000) -> [String] {
    CityModel(scenario: scenario, registry: registry, seed: seed, length: length)
      .map { "\($0.at.milliseconds) \($0.topic) \(String(decoding: $0.payload, as: UTF8.self))" }
  }

  @Test func `the same seed gives the same bytes, another seed gives others`() {
    let first = bytes(seed: 7)
    #expect(first == bytes(seed: 7))
    #expect(first != bytes(seed: 8))
    #expect(first.count > 1000)
  }

  @Test func `messages come in order of arrival, and soon after they were measured`() throws {
    var last = Timestamp(milliseconds: 0)
    for message in CityModel(scenario: scenario, registry: registry) {
      #expect(message.at >= last)
      last = message.at
      let object = try #require(JSONSerialization.jsonObject(with: Data(message.payload)) as? [String: Any])
      let ts = try #require(object["ts"] as? Int64)
      #expect(scenario.latency.contains(message.at.milliseconds - ts))
    }
  }

  @Test func `every device speaks at its interval, spread over the minute`() {
    var seconds: [Int64: Int] = [:]
    var counts: [String: Int] = [:]
    var calm = scenario
    calm.incidents = []
    for message in CityModel(scenario: calm, registry: registry, length: 600_000) {
      counts[message.topic, default: 0] += 1
      seconds[message.at.milliseconds / 1000 % 60, default: 0] += 1
    }
    #expect(counts.count == registry.devices.count)
    for (index, device) in registry.devices.enumerated() {
      let topic = "thuong/v1/\(registry.subject(of: index))/telemetry"
      #expect(counts[topic] == Int(600_000 / registry.interval(of: index)), "\(device.id)")
    }
    #expect(seconds.count > 20)
  }

  @Test func `one device more changes nothing of what the others say`() {
    var fewer = scenario
    fewer.selection.sites = ["viet-yen"]
    let all = CityModel(scenario: scenario, registry: registry, length: 600_000).filter { $0.topic.contains("/viet-yen/") }
    let some = Array(CityModel(scenario: fewer, registry: registry, length: 600_000))
    #expect(all.map(\.payload) == some.map(\.payload))
    #expect(all.map(\.at) == some.map(\.at))
  }

  @Test func `a scenario moved to another day takes its incidents with it`() throws {
    let moved = CityModel(scenario: scenario, registry: registry, start: scenario.start + 86_400_000)
    let here = CityModel(scenario: scenario, registry: registry)
    #expect(moved.truth.map { $0.from - 86_400_000 } == here.truth.map(\.from))
    let line = try #require(JSONSerialization.jsonObject(with: Data(here.truth[0].json)) as? [String: Any])
    #expect(Set(line.keys) == ["id", "kind", "devices", "from", "to", "strength", "expect"])
  }

  @Test func `what a device says decodes against its profile, and is what the profile allows`() throws {
    for message in CityModel(scenario: scenario, registry: registry) {
      let levels = message.topic.split(separator: "/").map(String.init)
      let index = try #require(registry.deviceIndex(levels[4]))
      #expect(message.topic == "thuong/v1/\(registry.subject(of: index))/telemetry")
      let object = try #require(JSONSerialization.jsonObject(with: Data(message.payload)) as? [String: Any])
      let values = try #require(object["values"] as? [String: Any])
      let profile = registry.profile(of: index)
      #expect(Set(values.keys) == Set(profile.metrics.map(\.name)))
      for metric in profile.metrics {
        let value = values[metric.name]
        if let number = value as? Double, let range = metric.range {
          #expect(range.contains(number), "\(levels[4]) \(metric.name) \(number)")
        }
        if let word = value as? String { #expect(metric.words[word] != nil) }
      }
    }
  }

  @Test func `counters never fall`() throws {
    var last: [String: Double] = [:]
    for message in CityModel(scenario: scenario, registry: registry) where message.topic.contains("-pw-") || message.topic.contains("-wa-")
    {
      let object = try #require(JSONSerialization.jsonObject(with: Data(message.payload)) as? [String: Any])
      let values = try #require(object["values"] as? [String: Any])
      let count = try #require((values["energy"] ?? values["volume_total"]) as? Double)
      #expect(count >= last[message.topic, default: 0])
      last[message.topic] = count
    }
    #expect(last.count == 4)
  }

  @Test func `an incident shows in its device while it lasts, and only there`() throws {
    func speeds(_ device: String) throws -> [Double] {
      try CityModel(scenario: scenario, registry: registry, length: 7_200_000).filter { $0.topic.contains(device) }.map { message in
        let object = try #require(JSONSerialization.jsonObject(with: Data(message.payload)) as? [String: Any])
        return try #require((object["values"] as? [String: Any])?["speed"] as? Double)
      }
    }
    let jammed = try speeds("bg-tr-001")
    #expect(jammed[12..<28].allSatisfy { $0 < 18 })
    #expect(jammed[60...].allSatisfy { $0 > 25 })
    #expect(try speeds("bg-tr-004").allSatisfy { $0 > 25 })
    #expect(try speeds("bg-tr-009").count == 120 - 25)
  }
}
