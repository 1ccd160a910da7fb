package import Foundation
import Readings

/// Devices and rules that were loaded anew, as a trace carries them: what the engine's log says of it, and the files themselves. Without
/// them nobody could replay what came after.
///
///     {"rules":"reloaded","version":"…","devices":{"sites.yaml":"…","profiles/radar.yaml":"…"},"files":{"traffic.yaml":"…"}}
package struct RecordedReload: Equatable, Sendable {
  package let version: String
  /// Texts by their path in the folder of devices.
  private let devices: [String: String]
  /// Texts by their name in the folder of rules.
  private let rules: [String: String]

  init(version: String, devices: [String: String], rules: [String: String]) {
    (self.version, self.devices, self.rules) = (version, devices, rules)
  }

  /// nil for what is none, and for one that names files elsewhere than in its folders.
  package init?(json: [UInt8]) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any], object.count == 4,
      object["rules"] as? String == "reloaded", let version = object["version"] as? String,
      let devices = object["devices"] as? [String: String], let rules = object["files"] as? [String: String],
      devices.keys.allSatisfy({ Self.isName($0.hasPrefix("profiles/") ? $0.dropFirst(9) : $0[...]) }),
      rules.keys.allSatisfy({ Self.isName($0[...]) })
    else { return nil }
    (self.version, self.devices, self.rules) = (version, devices, rules)
  }

  package var json: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("rules", "reloaded")
      json.field("version", version)
      for (key, texts) in [("devices", devices), ("files", rules)] {
        json.field(key, object: { json in for name in texts.keys.sorted() { json.field(name, texts[name] ?? "") } })
      }
    }
    return json.bytes
  }

  /// What the engine is told, and its log keeps.
  package var command: [UInt8] { EngineCommand.rulesReloaded(version: version).json }

  /// The files, below two folders that there are not yet.
  package func write(devices: URL, rules: URL) throws {
    try FileManager.default.createDirectory(at: devices.appendingPathComponent("profiles"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(at: rules, withIntermediateDirectories: true)
    for (folder, texts) in [(devices, self.devices), (rules, self.rules)] {
      for (name, text) in texts { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    }
  }

  private static func isName(_ name: Substring) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && !name.hasPrefix(".") && !name.contains("/")
  }
}
