package import Foundation
import Readings

/// Reads `Devices/`: `profiles/*.yaml`, `sites.yaml`, `wards.yaml`, and every other `*.yaml` as devices.
package enum RegistryFiles {
  /// - Parameter seen: gets each file's path in the folder, and its text as it was read.
  /// - Throws: `FileFaults` with every fault of every file.
  package static func load(
    directory: URL, seen: (_ name: String, _ text: String) -> Void = { _, _ in }
  ) throws(FileFaults) -> Registry {
    let faults = FaultList()
    var builder = RegistryBuilder(faults: faults)
    func yaml(_ name: String) -> YAMLValue? {
      let url = directory.appendingPathComponent(name)
      guard let text = TextFiles.text(url, faults: faults) else { return nil }
      seen(name, text)
      return YAMLValue(text: text, file: url.relativePath, faults: faults)
    }
    let names = TextFiles.names(in: directory, suffix: ".yaml", faults: faults)
    for name in TextFiles.names(in: directory.appendingPathComponent("profiles"), suffix: ".yaml", faults: faults) {
      if let file = yaml("profiles/\(name)") { builder.addProfile(file) }
    }
    for name in ["sites.yaml", "wards.yaml"] where names.contains(name) {
      guard let file = yaml(name) else { continue }
      if name == "sites.yaml" { builder.addSites(file) } else { builder.addWards(file) }
    }
    for name in names where name != "sites.yaml" && name != "wards.yaml" {
      if let file = yaml(name) { builder.addDevices(file) }
    }
    try faults.throwIfAny()
    return builder.registry()
  }
}

/// Files of the user's, named in messages as the user named them.
package enum TextFiles {
  /// Names in order, so that a load says the same everywhere.
  package static func names(in directory: URL, suffix: String, faults: FaultList) -> [String] {
    do {
      let all = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { !$0.hasPrefix(".") }.sorted()
      for name in all where suffix == ".yaml" && name.hasSuffix(".yml") {
        faults.add(FileFault(file: directory.appendingPathComponent(name).relativePath, message: "is not read: rename it to .yaml"))
      }
      return all.filter { $0.hasSuffix(suffix) }
    } catch {
      faults.add(FileFault(file: directory.relativePath, message: "cannot be read: is there such a folder?"))
      return []
    }
  }

  package static func text(_ url: URL, faults: FaultList) -> String? {
    do {
      let data = try Data(contentsOf: url)
      guard let text = String(validating: data, as: UTF8.self) else {
        faults.add(FileFault(file: url.relativePath, message: "not UTF-8"))
        return nil
      }
      return text
    } catch {
      faults.add(FileFault(file: url.relativePath, message: "cannot be read: does it exist, and may this user read it?"))
      return nil
    }
  }

  package static func yaml(_ url: URL, faults: FaultList) -> YAMLValue? {
    text(url, faults: faults).flatMap { YAMLValue(text: $0, file: url.relativePath, faults: faults) }
  }
}
