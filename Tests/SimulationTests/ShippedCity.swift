import DeviceRegistry
import Foundation
import Simulation

/// The files that this project ships, as the tests find them.
enum ShippedCity {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func registry() throws -> Registry { try RegistryFiles.load(directory: root.appendingPathComponent("Devices")) }

  static func twoTowns(_ registry: Registry) throws -> Scenario {
    try ScenarioFile.load(root.appendingPathComponent("Simulator/two-towns.yaml"), registry: registry)
  }
}

/// A folder that is gone after the test.
final class ScratchFolder {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("thuong-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  func file(_ name: String, _ content: String) throws -> URL {
    try Data(content.utf8).write(to: file(name))
    return file(name)
  }
}
