import DeviceRegistry
import Foundation
import Readings
import Testing

@Suite struct RegistryFilesTests {
  private func shown(_ ward: WardID?) -> [String]? { ward.map { [$0.code, $0.validFrom] } }

  @Test func everythingThatAFileSaysIsInTheRegistry() throws {
    let registry = try RegistryWorkshop.load()
    #expect(registry.devices.map(\.id) == ["a.b_c-1", "bg-tr-001"])
    let index = try #require(registry.deviceIndex("bg-tr-001"))
    let device = registry.devices[index]
    #expect(device.name == "Hùng Vương – Lý Thái Tổ")
    #expect(device.zone == "hung-vuong")
    #expect(device.location?.lat == 21.2745)
    #expect(device.location?.lon == 106.1990)
    #expect(device.attributes == ["free_flow": .number(50), "road": .text("urban")])
    #expect(device.address == "24e124ab")
    #expect(device.source == "broker-user")
    #expect(device.limits == ["pm25": 45])
    #expect(registry.interval(of: index) == 30_000)
    #expect(registry.subject(of: index) == "bac-giang/traffic/bg-tr-001")
    #expect(registry.profile(of: index).name == BilingualText(vi: "Ra-đa giao thông", en: "Traffic radar"))
    #expect(registry.profile(of: index).metrics.map(\.name) == ["speed", "occupancy"])
    #expect(registry.profile(of: index).metrics[0].range == 0...250)
    #expect(registry.profile(of: index).metrics[0].scale.decimals == 1)
    #expect(registry.domains == ["lighting", "traffic"])
  }

  @Test func `An attribute is a number where it is one, and nan and inf are words`() throws {
    let device = "{id: d, profile: door, site: viet-yen, attributes: {a: 5.5, b: nan, c: inf, d: -infinity, e: 1e400}}"
    let registry = try RegistryWorkshop.load(changing: ["town.yaml": "devices: [\(device)]"])
    #expect(
      registry.devices.first?.attributes == [
        "a": .number(5.5), "b": .text("nan"), "c": .text("inf"), "d": .text("-infinity"), "e": .text("1e400"),
      ])
  }

  @Test func aDeviceOfFewWordsHasTheProfilesInterval() throws {
    let registry = try RegistryWorkshop.load()
    let index = try #require(registry.deviceIndex("a.b_c-1"))
    #expect(registry.devices[index].name == "a.b_c-1")
    #expect(registry.interval(of: index) == 300_000)
    let metrics = registry.profile(of: index).metrics
    #expect(metrics[0].words == ["OPEN": 1, "CLOSED": 0])
    #expect(metrics[0].report == .onChange)
    #expect(metrics[1].kind == .counter)
    #expect(metrics[1].usesOverRange)
  }

  @Test func aWardsCodeKeepsItsZeroQuotedOrNotAndEachTimeHasItsOwn() throws {
    let registry = try RegistryWorkshop.load()
    let device = registry.devices[try #require(registry.deviceIndex("bg-tr-001"))]
    let before = try #require(Timestamp(rfc3339: "2025-06-30T23:59:59+07:00"))
    let after = try #require(Timestamp(rfc3339: "2025-07-01T00:00:00+07:00"))
    #expect(shown(device.ward(at: before)) == ["07210", "2020-01-01"])
    #expect(shown(device.ward(at: after)) == ["07210", "2025-07-01"])
    #expect(shown(device.ward(at: Timestamp(milliseconds: 0))) == ["07210", "2020-01-01"], "before its first ward: the first")
    let old = try #require(registry.wards.values.first { $0.id.validFrom == "2020-01-01" })
    #expect(old.validTo == "2025-07-01")
    #expect(old.successors.map { shown($0) } == [["07210", "2025-07-01"]])
  }

  @Test func theShippedDevicesLoad() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let registry = try RegistryFiles.load(directory: root.appending(path: "Devices"))
    #expect(registry.devices.filter { $0.id.contains("-tr-") }.count == 16)
    #expect(registry.domains == ["environment", "lighting", "power", "traffic", "waste", "water"])
    for device in registry.devices { #expect(device.wards.allSatisfy { $0.ward.code.utf8.count == 5 }) }
  }
}
