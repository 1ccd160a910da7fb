import DeviceRegistry
import Foundation
import Testing

/// Each fault is one line: where it is, what is wrong, what to do.
@Suite struct RegistryFaultTests {
  private func town(_ line: String) -> [String: String] {
    ["town.yaml": "devices:\n  - {id: d, profile: door, site: viet-yen}\n  \(line)\n"]
  }
  private func profile(_ text: String) -> [String: String] { ["profiles/traffic.yaml": text, "town.yaml": "devices: []\n"] }
  private func metric(_ text: String) -> [String: String] {
    profile("id: traffic-radar\ndomain: traffic\ninterval: 60s\nmetrics:\n  speed: \(text)\n")
  }

  @Test func aValidFolderHasNoFault() throws {
    #expect(try RegistryWorkshop.faults(changing: [:]) == [])
    #expect(try RegistryWorkshop.faults(changing: ["wards.yaml": "absent", "town.yaml": "devices: []\n"]) == [])
  }

  @Test(arguments: [
    ("- {id: e, profile: door, site: viet-yen, colour: red}", "town.yaml:3:44: unknown key \"colour\"; known here: address, attributes,"),
    ("- {id: e, site: viet-yen}", "town.yaml:3:5: \"profile\" is missing"),
    ("- {profile: door, site: viet-yen}", "town.yaml:3:5: \"id\" is missing"),
    ("- {id: e, profile: door}", "town.yaml:3:5: \"site\" is missing"),
    ("- {id: d, profile: door, site: viet-yen}", "town.yaml:3:5: device d is defined twice"),
    ("- {id: e, profile: gate, site: viet-yen}", "town.yaml:3:22: no profile gate; known: door, traffic-radar"),
    ("- {id: e, profile: door, site: hue}", "town.yaml:3:34: no site hue in sites.yaml"),
    (
      "- {id: e, profile: door, site: viet-yen, ward: {code: '07211', valid_from: 2025-07-01}}",
      "town.yaml:3:50: no ward 07211 from 2025-07-01"
    ),
    ("- {id: e, profile: door, site: viet-yen, ward: {code: '07210'}}", "town.yaml:3:50: \"valid_from\" is missing"),
    (
      "- {id: e, profile: door, site: viet-yen, ward: {code: '07210', valid_from: 1/7/2025}}",
      "town.yaml:3:78: expected a day such as 2025-07-01, got \"1/7/2025\""
    ),
    (
      "- {id: e, profile: door, site: viet-yen, interval: soon}",
      "town.yaml:3:54: expected a duration such as 30s, 5m, 1h or 1d, got \"soon\""
    ),
    ("- {id: e, profile: door, site: viet-yen, interval: 0s}", "town.yaml:3:54: an interval is at least 1s"),
    ("- {id: E, profile: door, site: viet-yen}", "town.yaml:3:10: \"E\" is no identifier: lower-case letters, digits"),
    ("- {id: a/b, profile: door, site: viet-yen}", "town.yaml:3:10: \"a/b\" is no identifier"),
    ("- {id: e, profile: door, site: viet-yen, location: {lat: 91, lon: 0}}", "town.yaml:3:54: a location is lat -90 to 90"),
    ("- {id: e, profile: door, site: viet-yen, location: {lat: north, lon: 0}}", "town.yaml:3:60: expected a number, got \"north\""),
    ("- {id: e, profile: door, site: viet-yen, limits: {pm25: .nan}}", "town.yaml:3:59: expected a number, got \".nan\""),
    ("- d2", "town.yaml:3:5: expected a mapping"),
    ("- {id: e, id: f, profile: door, site: viet-yen}", "town.yaml:3:"),
    ("- {id: e", "town.yaml:"),
    ("\t- x", "town.yaml:3:"),
  ]) func aFaultOfADeviceNamesItsPlace(_ line: String, _ expected: String) throws {
    let faults = try RegistryWorkshop.faults(changing: town(line))
    #expect(faults.count == 1, "\(faults)")
    #expect(faults.first?.hasPrefix(expected) == true, "\(faults)")
  }

  @Test(arguments: [
    ("{range: [0, 1]}", "profiles/traffic.yaml:5:10: \"unit\" is missing"),
    ("{unit: V, range: [1, 0]}", "profiles/traffic.yaml:5:27: a range is [lowest, highest]"),
    ("{unit: V, range: [0]}", "profiles/traffic.yaml:5:27: a range is"),
    ("{unit: V, range: 5}", "profiles/traffic.yaml:5:27: expected a list"),
    ("{unit: V, resolution: 0}", "profiles/traffic.yaml:5:32: a resolution is a positive number"),
    ("{unit: V, resolution: 1e-12}", "profiles/traffic.yaml:5:32: a resolution is a positive number"),
    ("{unit: V, kind: sum}", "profiles/traffic.yaml:5:26: expected gauge, counter, got \"sum\""),
    ("{unit: V, report: daily}", "profiles/traffic.yaml:5:28: expected periodic, on_change"),
    ("{unit: V, over_range: maybe}", "profiles/traffic.yaml:5:32: expected use"),
    ("{unit: V, values: {OPEN: ajar}}", "profiles/traffic.yaml:5:35: expected a number"),
    ("{unit: V, colour: red}", "profiles/traffic.yaml:5:20: unknown key \"colour\""),
  ]) func aFaultOfAMetricNamesItsPlace(_ text: String, _ expected: String) throws {
    let faults = try RegistryWorkshop.faults(changing: metric(text))
    #expect(faults.first?.hasPrefix(expected) == true, "\(faults)")
  }

  @Test(arguments: [
    ("domain: traffic\ninterval: 60s\nmetrics: {speed: {unit: V}}\n", "profiles/traffic.yaml:1:1: \"id\" is missing"),
    ("id: p\ndomain: d\ninterval: 60\nmetrics: {speed: {unit: V}}\n", "profiles/traffic.yaml:3:11: expected a duration"),
    ("id: p\ndomain: d\ninterval: 10ms\nmetrics: {speed: {unit: V}}\n", "profiles/traffic.yaml:3:11: an interval is at least 1s"),
    ("id: p\ndomain: d\ninterval: 1m\nmetrics: {Speed: {unit: V}}\n", "profiles/traffic.yaml:4:11: \"Speed\" is no metric name"),
    ("id: p\ndomain: d\ninterval: 1m\nmetrics: {}\n", "profiles/traffic.yaml:4:10: a profile has 1 to 64 metrics"),
    ("id: p\ndomain: d\ninterval: 1m\nmetrics: {a: {unit: V}, a: {unit: V}}\n", "profiles/traffic.yaml:4:"),
    ("id: door\ndomain: d\ninterval: 1m\nmetrics: {a: {unit: V}}\n", "profiles/traffic.yaml:1:1: profile door is defined twice"),
    ("id: p\ndomain: d\ninterval: 1m\ncodec: morse\nmetrics: {a: {unit: V}}\n", "profiles/traffic.yaml:4:8: expected native, senml"),
    ("", "profiles/traffic.yaml: the file is empty"),
    ("just a text\n", "profiles/traffic.yaml:1:1: expected a mapping"),
  ]) func aFaultOfAProfileNamesItsPlace(_ text: String, _ expected: String) throws {
    let faults = try RegistryWorkshop.faults(changing: profile(text))
    #expect(faults.first?.hasPrefix(expected) == true, "\(faults)")
  }

  @Test func allFaultsOfAllFilesAreToldAtOnce() throws {
    let faults = try RegistryWorkshop.faults(changing: [
      "profiles/door.yaml": "id: door\ndomain: lighting\ninterval: 5x\nmetrics: {}\n",
      "sites.yaml": "sites:\n  - {name: X}\n  - {id: viet-yen}\n",
      "town.yaml": "devices:\n  - {id: a, profile: none, site: viet-yen}\n  - {id: b, profile: traffic-radar, site: hue, zone: 'A B'}\n",
    ])
    #expect(faults.count == 5, "\(faults)")
    #expect(faults.map { $0.prefix { $0 != ":" } } == ["profiles/door.yaml", "sites.yaml", "town.yaml", "town.yaml", "town.yaml"])
  }

  @Test func aMissingFolderAndTextThatIsNotUTF8AreFaults() throws {
    #expect(throws: FileFaults.self) { try RegistryFiles.load(directory: URL(filePath: "/nowhere/at/all")) }
  }
}
