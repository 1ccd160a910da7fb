import DeviceRegistry
import Foundation
import RuleEngine
import Testing

/// A trace carries the texts of a reload as they were read: they have to be all that was read.
@Suite struct LoadedTextTests {
  @Test func `the texts that a load has seen, each once, make the same devices and rules elsewhere`() throws {
    var (devices, rules): ([(name: String, text: String)], [(name: String, text: String)]) = ([], [])
    let registry = try RegistryFiles.load(directory: ShippedCity.root.appendingPathComponent("Devices")) { devices.append(($0, $1)) }
    let book = try RuleFiles.load(directory: ShippedCity.root.appendingPathComponent("Rules"), registry: registry) {
      rules.append(($0, $1))
    }
    #expect(Set(devices.map(\.name)).count == devices.count && Set(rules.map(\.name)).count == rules.count)
    #expect(devices.contains { $0.name.hasPrefix("profiles/") } && rules.contains { $0.name == "limits.csv" })
    let folder = try ScratchFolder()
    for name in ["Devices/profiles", "Rules"] {
      try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: true)
    }
    for (name, text) in devices { _ = try folder.file("Devices/\(name)", text) }
    for (name, text) in rules { _ = try folder.file("Rules/\(name)", text) }
    let again = try RegistryFiles.load(directory: folder.file("Devices"))
    #expect(again.devices.map(\.id) == registry.devices.map(\.id) && again.profiles.map(\.id) == registry.profiles.map(\.id))
    #expect(again.devices.map(\.attributes) == registry.devices.map(\.attributes))
    let same = try RuleFiles.load(directory: folder.file("Rules"), registry: again)
    #expect(same.rules.map(\.version) == book.rules.map(\.version) && !book.rules.isEmpty)
  }
}
