import DeviceRegistry
import Foundation
import TestSupport

/// Files of `Devices/`: each is read as a registry that holds together, or refused with the places of its faults. An input is one file
/// among good ones; its first line says which, `# sites.yaml`.
final class DeviceHarness: Harness {
  static let name = "devices"

  private let directory: TemporaryDirectory
  private var root: URL { URL(filePath: directory.path) }

  init() throws {
    directory = try TemporaryDirectory()
    try FuzzTown.write(FuzzTown.files, below: root)
  }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    let path = FuzzTown.files.keys.sorted().first { input.starts(with: "# \($0)\n".utf8) } ?? "town.yaml"
    // Foundation loses 4 KB of memory whenever it reads an empty file.
    try Data(input.isEmpty ? [0x0a] : Array(input)).write(to: root.appending(path: path))
    defer { try? Data((FuzzTown.files[path] ?? "").utf8).write(to: root.appending(path: path)) }
    let registry: Registry
    do throws(FileFaults) {
      registry = try RegistryFiles.load(directory: root)
    } catch {
      try promise(!error.faults.isEmpty, "refused without a fault")
      let text = String(decoding: input, as: UTF8.self)
      for fault in error.faults where fault.file.hasSuffix(path) { try FaultPlace.check(fault, in: text) }
      return "faults"
    }
    for profile in registry.profiles { try check(profile) }
    for device in registry.devices.indices { try check(registry.devices[device], device, in: registry) }
    try promise(Set(registry.devices.map(\.id)).count == registry.devices.count, "a device twice")
    try promise(Set(registry.sites.map(\.id)).count == registry.sites.count, "a site twice")
    for site in registry.sites { try check(site.location, of: site.id) }
    return "registry"
  }

  private func check(_ profile: Profile) throws {
    try promise(Identifier.isValid(profile.id) && Identifier.isValid(profile.domain), "profile \(profile.id) of \(profile.domain)")
    try promise(profile.interval >= 1000, "\(profile.id) reports every \(profile.interval) ms")
    let names = profile.metrics.map(\.name)
    try promise((1...64).contains(names.count) && Set(names).count == names.count, "\(profile.id) measures \(names)")
    for metric in profile.metrics {
      try promise(Identifier.isMetric(metric.name), "a metric \(metric.name)")
      if let range = metric.range { try promise(range.lowerBound.isFinite && range.upperBound.isFinite, "\(metric.name) is in \(range)") }
      try promise(metric.words.values.allSatisfy(\.isFinite), "\(metric.name) maps \(metric.words)")
    }
  }

  private func check(_ device: Device, _ place: Int, in registry: Registry) throws {
    try promise(Identifier.isValid(device.id) && Identifier.isValid(device.site), "device \(device.id) at \(device.site)")
    try promise(registry.deviceIndex(device.id) == place, "\(device.id) is not found")
    try promise(registry.sites.contains { $0.id == device.site }, "\(device.id) stands at no site: \(device.site)")
    try promise(registry.profiles.indices.contains(device.profile), "\(device.id) has no profile")
    try promise(registry.interval(of: place) >= 1000, "\(device.id) reports every \(registry.interval(of: place)) ms")
    for ward in device.wards { try promise(registry.wards[ward.ward] != nil, "\(device.id) stands in no ward: \(ward.ward)") }
    for (name, value) in device.attributes {
      if case .number(let number) = value { try promise(number.isFinite, "\(device.id) has \(number) as \(name)") }
    }
    try promise(device.limits.values.allSatisfy(\.isFinite), "\(device.id) has the limits \(device.limits)")
    try check(device.location, of: device.id)
  }

  private func check(_ location: Location?, of id: String) throws {
    guard let location else { return }
    try promise((-90...90).contains(location.lat) && (-180...180).contains(location.lon), "\(id) lies at \(location)")
  }
}
