import Database
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import RuleEngine
import TestSupport
import Testing

/// One fault is one alert: a town that falls silent and a broker out of reach ring once a town, not once a device.
@Suite struct TownSilenceTests {
  private static let devices = 2000
  private static let minute: Int64 = 60_000
  private static let start = GatewayWorkshop.start

  /// As Rules/gateway.yaml has them, and the silence of a device as the rules of each domain do.
  private static let rules = """
    rules:
      - {id: broker-down, for_each: site, when: not intake(), hold: 2m, clear: intake(), clear_hold: 1m, severity: critical}
      - {id: town-silent, for_each: site, when: "share(age() > 10m) > 0.9", hold: 1m, clear: "share(age() > 10m) < 0.5", clear_hold: 2m, severity: critical, inhibited_by: [{rule: broker-down, same: site}]}
      - {id: silent, when: age(level) > 10m, severity: minor, inhibited_by: [{rule: broker-down, same: site}, {rule: town-silent, same: site}]}
    """

  private static let registry = Result {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    let rows = (0..<devices).map { "  - {id: \(id($0)), profile: meter, site: \(site($0))}\n" }
    let files = [
      "profiles/meter.yaml": "{id: meter, domain: water, interval: 60s, metrics: {level: {unit: m, resolution: 0.01}}}",
      "sites.yaml": "sites: [{id: bac-giang, name: Bắc Giang}, {id: viet-yen, name: Việt Yên}]", "town.yaml": "devices:\n" + rows.joined(),
    ]
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }

  private static func id(_ device: Int) -> String { "meter-\(10_000 + device)" }
  private static func site(_ device: Int) -> String { device % 2 == 0 ? "bac-giang" : "viet-yen" }

  /// A gateway of all devices, with what it told.
  private final class Town {
    private let directory = Result { try TemporaryDirectory() }
    private let store: GatewayStore
    private let engine: Engine
    private(set) var events: [EventRecord] = []
    private let topics = (0..<devices).map { Array("thuong/v1/\(site($0))/water/\(id($0))/telemetry".utf8) }

    init() throws {
      let registry = try TownSilenceTests.registry.get()
      let book = try RuleFiles.read(sources: [("Rules/test.yaml", rules)], registry: registry)
      store = try GatewayStore(directory: directory.get().path, durability: .normal, sinks: [])
      engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "test"))
      engine.intake(up: true, at: Timestamp(milliseconds: start))
    }

    /// Every device says something in that minute, each at its own moment.
    func speak(minute: Int, butFor silent: Int? = nil) throws {
      let payload = Array("{\"values\":{\"level\":\(minute % 7).5}}".utf8)
      for device in 0..<devices where device != silent {
        let at = Timestamp(milliseconds: start + Int64(minute) * TownSilenceTests.minute + Int64(device * 29))
        topics[device].withUnsafeBytes { topic in
          payload.withUnsafeBytes { engine.message(MessageInput(topic: topic, payload: $0), at: at) }
        }
      }
      try commit(minute + 1)
    }

    func intake(up: Bool, minute: Int) throws {
      engine.intake(up: up, at: Timestamp(milliseconds: start + Int64(minute) * TownSilenceTests.minute))
      try commit(minute)
    }

    func commit(_ minute: Int) throws {
      engine.clock(at: Timestamp(milliseconds: start + Int64(minute) * TownSilenceTests.minute))
      events += try store.commit(engine, realNow: Timestamp(milliseconds: start))
    }

    /// What was raised: rule and site.
    var raised: [String] {
      events.compactMap { event in
        let body = AlertBody(event)
        return body.type == "raised" ? "\(body.rule) \(event.site ?? "")" : nil
      }.sorted()
    }
  }

  @Test func `A town of 2,000 devices that falls silent for forty minutes rings once a town, and comes back without a word of a device`()
    throws
  {
    let town = try Town()
    for minute in 0..<15 { try town.speak(minute: minute) }
    for minute in 16...55 { try town.commit(minute) }
    for minute in 56..<66 { try town.speak(minute: minute) }
    #expect(town.raised == ["town-silent bac-giang", "town-silent viet-yen"])
    #expect(town.events.count == 4, "each is cleared again")
  }

  @Test func `A broker out of reach for ten minutes rings once a town`() throws {
    let town = try Town()
    for minute in 0..<15 { try town.speak(minute: minute) }
    try town.intake(up: false, minute: 16)
    for minute in 17...26 { try town.commit(minute) }
    try town.intake(up: true, minute: 26)
    for minute in 27..<40 { try town.speak(minute: minute) }
    #expect(town.raised == ["broker-down bac-giang", "broker-down viet-yen"])
    #expect(town.events.count == 4, "each is cleared again")
  }

  @Test func `One device of 2,000 that falls silent rings by itself`() throws {
    let town = try Town()
    for minute in 0..<3 { try town.speak(minute: minute) }
    for minute in 3..<16 { try town.speak(minute: minute, butFor: 7) }
    #expect(town.raised == ["silent viet-yen"])
  }
}
