import DeviceRegistry
import Foundation
import Testing

@Suite struct ShippedDevicesTests {
  @Test func `a radar stands at each traffic place, at its coordinates and in its ward`() throws {
    let registry = try ShippedCity.registry()
    let csv = try String(contentsOf: ShippedCity.root.appendingPathComponent("Tests/Fixtures/domain/places.csv"), encoding: .utf8)
    let places = csv.split(whereSeparator: \.isNewline).dropFirst().map { $0.split(separator: ",").map(String.init) }
    let traffic = places.filter { ["junction", "interchange", "bridge", "road"].contains($0[3]) }
    let radars = registry.devices.indices.filter { registry.profile(of: $0).id == "traffic-radar" }.map { registry.devices[$0] }
    #expect(traffic.count == 16)
    #expect(radars.count == 16)
    for place in traffic {
      let radar = try #require(radars.first { $0.name == place[2] }, "\(place[2])")
      #expect(radar.site == place[1])
      #expect(radar.location?.lat == Double(place[4]))
      #expect(radar.location?.lon == Double(place[5]))
      #expect(radar.wards.map { "\($0.ward.code)@\($0.ward.validFrom)" } == ["\(place[6])@2025-07-01"])
      #expect(radar.attributes["free_flow"] != nil)
    }
  }

  @Test func `both towns have devices of every domain`() throws {
    let registry = try ShippedCity.registry()
    for site in ["bac-giang", "viet-yen"] {
      let domains = registry.devices.indices.filter { registry.devices[$0].site == site }.map { registry.profile(of: $0).domain }
      #expect(Set(domains) == ["traffic", "environment", "lighting", "waste", "power", "water"])
    }
  }
}
