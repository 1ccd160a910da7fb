import Foundation
import TestSupport

/// A folder with a small town's files: twelve detectors, one rule, a token, and a configuration for a broker and perhaps a sink.
final class TestTown: Sendable {
  static let token = "a-token-of-the-tests"
  static let devices = (1...12).map { String(format: "bg-tr-%03d", $0) }

  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("thuong-console-\(UUID().uuidString)")
  var configuration: URL { folder.appendingPathComponent("thuong.yaml") }

  /// - Parameters:
  ///   - more: what the sink says besides.
  ///   - clock: whose time counts, `gateway` or `sender`.
  ///   - data: what `data` says besides.
  init(broker: Int, sink: Int? = nil, more: String = "", hasToken: Bool = true, clock: String = "gateway", data: String = "") throws {
    try FileManager.default.createDirectory(at: folder.appendingPathComponent("Devices/profiles"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(at: folder.appendingPathComponent("Rules"), withIntermediateDirectories: true)
    try writeDevices()
    try write("Rules/traffic.yaml", SlowRule.text)
    try write("token", "\(Self.token)\n", mode: 0o600)
    try write("secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n", mode: 0o600)
    var lines = """
      instance: test
      broker: {url: "mqtt://127.0.0.1:\(broker)", client_id: thuong-test, clock: \(clock)}
      data: {directory: \(folder.path)/var, durability: normal\(data)}
      devices: Devices
      rules: Rules
      http: {listen: "127.0.0.1:0"\(hasToken ? ", token_file: token" : "")}

      """
    if let sink {
      lines += "sinks: [{id: ioc, url: \"http://127.0.0.1:\(sink)/events\", secret_file: secret, allow_private: true\(more)}]\n"
    }
    try write("thuong.yaml", lines)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func writeDevices() throws {
    try write("Devices/profiles/traffic-radar.yaml", Self.profile)
    try write("Devices/sites.yaml", "sites: [{id: bac-giang, name: Bắc Giang}]")
    try write("Devices/wards.yaml", "wards: [{code: '07210', valid_from: 2025-07-01, name: Phường Bắc Giang}]")
    var lines = "devices:\n"
    for id in Self.devices {
      lines += "  - {id: \(id), profile: traffic-radar, name: \"Nút \\\"\(id)\\\"\", site: bac-giang" + Self.place(of: id) + "}\n"
    }
    try write("Devices/town.yaml", lines)
  }

  /// The first stands somewhere; the others are silent about it.
  private static func place(of id: String) -> String {
    guard id == devices[0] else { return "" }
    return ", zone: hung-vuong, ward: {code: '07210', valid_from: 2025-07-01}, location: {lat: 21.2745, lon: 106.199}"
  }

  func setDataDirectory(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let text = try String(contentsOf: configuration, encoding: .utf8)
    try write("thuong.yaml", text.replacing("directory: \(folder.path)/var", with: "directory: \(path)"))
  }

  /// The rules, in place of those that were there.
  func write(rules: String) throws { try write("Rules/traffic.yaml", rules) }

  func write(devices: String) throws { try write("Devices/town.yaml", devices) }

  private func write(_ name: String, _ text: String, mode: Int = 0o644) throws {
    let file = folder.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
  }

  private static let profile = """
    id: traffic-radar
    domain: traffic
    name: {vi: "Ra-đa giao thông", en: "Traffic radar"}
    interval: 60s
    codec: native
    metrics:
      speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
      occupancy: {unit: "%", range: [0, 100], resolution: 0.01}
    """

}
