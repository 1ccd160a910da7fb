import DeviceRegistry
import Foundation
import Gateway
import Readings
import TestSupport

/// A few hundred radars that report three values every ten seconds, with rules of every window, of which none ever raises.
struct SteadyTown {
  static let devices = 300
  static let metrics = 3
  static let interval: Int64 = 10_000
  /// Two hours: the longest window has been full for one.
  static let readingsToWarmUp: Int64 = 2 * 360 * 300 * 3

  /// Six of them hold for each device.
  static let rules = """
    rules:
      - {id: congestion, when: "mean(speed, 5m) < 0.3 * attr.free_flow and mean(occupancy, 5m) > 35", hold: 3m, clear: "mean(speed, 5m) > 0.45 * attr.free_flow", clear_hold: 5m, severity: minor}
      - {id: queue, when: "mean(queue, 5m) > 200", hold: 3m, clear: "mean(queue, 5m) < 120", clear_hold: 5m, severity: minor}
      - {id: speeding, when: "mean(speed, 15m) > attr.free_flow + 15 and count(speed, 15m) >= 8", hold: 10m, severity: minor}
      - {id: silent, when: age(speed) > 10m, severity: minor}
      - {id: blocked, where: {zone: z0}, when: last(occupancy) > 95 and last(speed) < 3, hold: 1m, severity: minor}
      - {id: full, where: {zone: z0}, when: "mean(occupancy, 30m) > 80", hold: 5m, severity: minor}
      - {id: racing, where: {zone: z1}, when: "max(speed, 10m) > 140", severity: minor}
      - {id: standing, where: {zone: z1}, when: "max(speed, 10m) < 5", hold: 2m, severity: minor}
      - {id: unsteady, where: {zone: z2}, when: "max(occupancy, 5m) - min(occupancy, 5m) > 60", hold: 3m, severity: minor}
      - {id: crawling, where: {zone: z2}, when: "mean(speed, 1h) < 12", hold: 15m, severity: minor}
    """

  static func registry() throws -> Registry {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    let rows = (0..<devices).map {
      "  - {id: \(id($0)), profile: radar, site: s, zone: z\($0 % 3), attributes: {free_flow: 50}}\n"
    }
    let files = [
      "profiles/radar.yaml": """
      id: radar
      domain: traffic
      interval: 10s
      metrics:
        speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
        occupancy: {unit: "%", range: [0, 100], resolution: 0.1}
        queue:     {unit: m, range: [0, 2000], resolution: 1}
      """,
      "sites.yaml": "sites: [{id: s}]",
      "town.yaml": "devices:\n" + rows.joined(),
    ]
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }

  private static func id(_ device: Int) -> String { "radar-\(1000 + device)" }

  /// How its messages tell their time.
  enum Form: String, CaseIterable {
    /// A number of milliseconds, as from a trace.
    case trace
    /// The same with a packet id, as from a broker.
    case live
    /// RFC 3339, and statuses of the metrics' own.
    case text
    /// Not at all: the arrival time counts.
    case unnamed
  }

  let form: Form
  private var number = 0
  private let topics = (0..<devices).map { Array("thuong/v1/s/traffic/\(id($0))/telemetry".utf8) }

  init(form: Form) { self.form = form }

  /// Steps the next message: device by device, round by round.
  mutating func step(_ engine: Engine, around measured: (() -> Void) -> Void) {
    let device = number % Self.devices
    let at = Timestamp(
      milliseconds: GatewayWorkshop.start + Int64(number / Self.devices) * Self.interval + Int64(device) * Self.interval
        / Int64(Self.devices))
    number += 1
    let payload = Array(payload(at).utf8)
    let packet = form == .trace ? 0 : UInt16(1 + number % 60_000)
    topics[device].withUnsafeBytes { topic in
      payload.withUnsafeBytes { payload in
        measured { engine.message(MessageInput(topic: topic, payload: payload, packet: packet), at: at) }
      }
    }
  }

  /// Values that come round again, as whatever a window remembers of them then does.
  private func payload(_ at: Timestamp) -> String {
    let (speed, occupancy) = (300 + number * 7 % 301, 50 + number * 5 % 353)
    let values =
      "\"values\":{\"speed\":\(speed / 10).\(speed % 10),\"occupancy\":\(occupancy / 10).\(occupancy % 10),\"queue\":\(speed % 90)}"
    switch form {
    case .trace, .live: return "{\"ts\":\(at.milliseconds),\(values),\"status\":\"00\"}"
    case .text: return "{\"ts\":\"\(at.rfc3339)\",\(values),\"status\":{\"speed\":\"00\",\"queue\":\"00\"}}"
    case .unnamed: return "{\(values)}"
    }
  }
}
