import DeviceRegistry
import Readings
import Testing

@Suite struct TopicIndexTests {
  private func match(_ index: TopicIndex, _ topic: String) -> TopicIndex.Match { match(index, Array(topic.utf8)) }
  private func match(_ index: TopicIndex, _ topic: [UInt8]) -> TopicIndex.Match { topic.withUnsafeBytes { index.match($0) } }

  private func town(devices: Int) throws -> Registry {
    var text = "devices:\n"
    for n in 0..<devices {
      text += "  - {id: d-\(n), profile: \(n % 2 == 0 ? "door" : "traffic-radar"), site: \(n % 3 == 0 ? "viet-yen" : "bac-giang")}\n"
    }
    return try RegistryWorkshop.load(changing: ["town.yaml": text])
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 8, 16, 17, 1000]) func everyDeviceIsFoundUnderItsOwnTopicsAndNoOther(_ count: Int) throws {
    let registry = count == 0 ? Registry.empty : try town(devices: count)
    let index = TopicIndex(registry: registry)
    for device in registry.devices.indices {
      let subject = registry.subject(of: device)
      #expect(match(index, "thuong/v1/\(subject)/telemetry") == .telemetry(device: device))
      #expect(match(index, "thuong/v1/\(subject)/status") == .status(device: device))
      let id = registry.devices[device].id
      let domain = registry.profile(of: device).domain
      let site = registry.devices[device].site
      for wrong in ["hue/\(domain)/\(id)", "\(site)/water/\(id)"] {
        #expect(match(index, "thuong/v1/\(wrong)/telemetry") == .reject(.wrongTopic))
        #expect(match(index, "thuong/v1/\(wrong)/status") == .reject(.wrongTopic))
      }
      #expect(match(index, "thuong/v1/\(site)/\(domain)/\(id)x/telemetry") == .unknown(device: "\(id)x"))
    }
  }

  @Test(arguments: [
    "", "/", "thuong", "thuong/v1", "thuong/v1/bac-giang/traffic/bg-tr-001", "thuong/v1/bac-giang/traffic/bg-tr-001/",
    "thuong/v1/bac-giang/traffic/bg-tr-001/telemetry/", "thuong/v1/bac-giang/traffic/bg-tr-001/telemetr",
    "thuong/v1/bac-giang/traffic/bg-tr-001/telemetryx", "/thuong/v1/bac-giang/traffic/bg-tr-001/telemetry",
    "thuong/v2/bac-giang/traffic/bg-tr-001/telemetry", "Thuong/v1/bac-giang/traffic/bg-tr-001/telemetry",
    "thuong/v1/bac-giang/traffic//telemetry", "thuong/v1/bac-giang/traffic/BG-TR-001/telemetry", "thuong/v1/bac-giang/traffic/ /status",
    "thuong/v1//traffic/bg-tr-001/telemetry", "thuong/v1/bac-giang/traffic/thừa/telemetry", "$SYS/broker/uptime",
  ]) func whatIsNoDevicesTopicIsAWrongOne(_ topic: String) throws {
    #expect(match(TopicIndex(registry: try RegistryWorkshop.load()), topic) == .reject(.wrongTopic))
  }

  @Test(arguments: [
    ("thuong/v1/bac-giang/traffic/bg-tr-002/telemetry", "bg-tr-002"), ("thuong/v1/no-site/no-domain/nobody/status", "nobody"),
  ])
  func aDeviceThatNobodyRegisteredIsUnknownByItsName(_ topic: String, _ name: String) throws {
    #expect(match(TopicIndex(registry: try RegistryWorkshop.load()), topic) == .unknown(device: name))
  }

  @Test func everySingleByteChangedMisses() throws {
    let registry = try RegistryWorkshop.load()
    let index = TopicIndex(registry: registry)
    let topic = Array("thuong/v1/bac-giang/traffic/bg-tr-001/telemetry".utf8)
    for i in topic.indices {
      for byte in UInt8.min...UInt8.max where byte != topic[i] {
        var changed = topic
        changed[i] = byte
        switch match(index, changed) {
        case .reject, .unknown: continue
        case .telemetry, .status:
          Issue.record("byte \(i) as \(byte) is taken for a device")
          return
        }
      }
    }
  }
}
