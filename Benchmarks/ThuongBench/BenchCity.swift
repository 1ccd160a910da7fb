import Foundation
import Readings

/// The devices, rules and messages of the live benchmarks: every topic and every payload is as long as any other.
enum BenchCity {
  static let deviceCount = 600
  static let payloadBytes = 85

  static func topic(_ device: Int) -> String { "thuong/v1/bac-giang/traffic/\(name(device))/telemetry" }
  static let probeTopic = "thuong/v1/bac-giang/traffic/probe/telemetry"

  private static func name(_ device: Int) -> String { String(format: "bench-%04d", device) }

  /// 85 bytes; traffic that flows, so that no rule raises.
  static func payload(_ number: Int, ts: Int64) -> String {
    let speed = 450 + number * 7 % 83
    let occupancy = 120 + number * 5 % 61
    return
      "{\"ts\":\(ts),\"values\":{\"speed\":\(speed / 10).\(speed % 10),\"occupancy\":\(occupancy / 10).\(occupancy % 10),\"queue\":\(number % 10)},\"status\":\"00\"}"
  }

  /// Writes `Devices` and `Rules` into `directory`.
  static func write(into directory: URL) throws -> (devices: URL, rules: URL) {
    let (devices, rules) = (directory.appendingPathComponent("Devices"), directory.appendingPathComponent("Rules"))
    try FileManager.default.createDirectory(at: devices.appendingPathComponent("profiles"), withIntermediateDirectories: true)
    try FileManager.default.createDirectory(at: rules, withIntermediateDirectories: true)
    func put(_ text: String, _ folder: URL, _ name: String) throws { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    try put(profiles.radar, devices, "profiles/bench-radar.yaml")
    try put(profiles.probe, devices, "profiles/bench-probe.yaml")
    try put("sites:\n  - {id: bac-giang, name: Bắc Giang, location: {lat: 21.2733, lon: 106.1946}}\n", devices, "sites.yaml")
    try put("wards:\n  - {code: \"07210\", valid_from: 2025-07-01, name: Phường Bắc Giang}\n", devices, "wards.yaml")
    try put(
      "devices:\n" + (0..<deviceCount).map { device(name($0), "bench-radar", zone: $0 % 3) }.joined()
        + device("probe", "bench-probe", zone: 0), devices, "bench.yaml")
    try put("rules:\n" + ruleLines.joined(separator: "\n") + "\n", rules, "bench.yaml")
    return (devices, rules)
  }

  private static func device(_ id: String, _ profile: String, zone: Int) -> String {
    "  - {id: \(id), profile: \(profile), name: \(id), site: bac-giang, zone: z\(zone), ward: {code: \"07210\", valid_from: 2025-07-01}, location: {lat: 21.27, lon: 106.19}, attributes: {free_flow: 50}}\n"
  }

  private static let profiles = (
    radar: """
    id: bench-radar
    domain: traffic
    name: {vi: "Ra-đa giao thông", en: "Traffic radar"}
    interval: 60s
    codec: native
    metrics:
      speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
      occupancy: {unit: "%", range: [0, 100], resolution: 0.1}
      queue:     {unit: m, range: [0, 2000], resolution: 1}

    """,
    probe: """
    id: bench-probe
    domain: traffic
    name: {vi: "Đầu dò", en: "Probe"}
    interval: 60s
    codec: native
    metrics:
      level: {unit: "1", range: [0, 100], resolution: 1}

    """
  )

  /// Ten rules over the radars, four of every device and two more of its zone, as in a real Rules folder; and the probe's.
  private static let ruleLines =
    [
      rule(
        "congestion", nil, "mean(speed, 5m) < 0.3 * attr.free_flow and mean(occupancy, 5m) > 35",
        "hold: 3m, clear: \"mean(speed, 5m) > 0.45 * attr.free_flow\", clear_hold: 5m"),
      rule("queue", nil, "mean(queue, 5m) > 200", "hold: 3m, clear: \"mean(queue, 5m) < 120\", clear_hold: 5m"),
      rule(
        "speeding", nil, "mean(speed, 15m) > attr.free_flow + 15 and count(speed, 15m) >= 8",
        "hold: 10m, clear: \"mean(speed, 15m) < attr.free_flow + 8\""),
      rule("silent", nil, "age(speed) > 10m", nil),
      rule("blocked", 0, "last(occupancy) > 95 and last(speed) < 3", "hold: 1m"),
      rule("full", 0, "mean(occupancy, 30m) > 80", "hold: 5m"),
      rule("racing", 1, "max(speed, 10m) > 140", nil),
      rule("standing", 1, "max(speed, 10m) < 5", "hold: 2m"),
      rule("unsteady", 2, "max(occupancy, 5m) - min(occupancy, 5m) > 60", "hold: 3m"),
      rule("crawling", 2, "mean(speed, 1h) < 12", "hold: 15m"),
    ] + [
      "  - {id: probe, name: {vi: probe, en: probe}, where: {profile: bench-probe}, when: \"last(level) > 50\", hold: 0s, severity: minor, message: {vi: \"{device.name}\", en: \"{device.name}\"}}"
    ]

  private static func rule(_ id: String, _ zone: Int?, _ when: String, _ more: String?) -> String {
    let place = zone.map { ", zone: z\($0)" } ?? ""
    return
      "  - {id: bench-\(id), name: {vi: \(id), en: \(id)}, where: {domain: traffic, profile: bench-radar\(place)}, when: \"\(when)\", \(more.map { $0 + ", " } ?? "")severity: minor, message: {vi: \"{device.name}\", en: \"{device.name}\"}}"
  }
}
