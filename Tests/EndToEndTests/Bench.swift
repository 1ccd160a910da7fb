import DeviceRegistry
import Foundation
import Readings
import Simulation

/// What the tests of the real binary share: where it is, and a small city made for the purpose.
enum Bench {
  /// The `thuong` that was built with these tests.
  static var executable: String { sibling("thuong") }

  /// An executable that was built with these tests.
  static func sibling(_ name: String) -> String {
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name).path
  }

  static var root: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  }

  /// Writes `files` (path: text) below a directory.
  static func write(_ files: [String: String], in directory: String) throws {
    for (path, text) in files {
      let file = URL(fileURLWithPath: "\(directory)/\(path)")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
  }

  /// Waits for a condition, looking every few milliseconds; false where the time is up.
  static func wait(seconds: Double, every pause: Duration = .milliseconds(5), until condition: () async throws -> Bool) async rethrows
    -> Bool
  {
    let limit = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < limit {
      if try await condition() { return true }
      try? await Task.sleep(for: pause)
    }
    return false
  }
}

/// Two hundred detectors that report every second, each congested and clear in turn; the same for the same seed and start.
struct RushHour {
  static let devices = 200
  static let start: Int64 = 1_763_683_200_000
  static let metrics = ["volume", "speed", "occupancy"]

  private var random: SeededGenerator
  private let phase: [Int64]
  private let start: Int64
  private var number: Int64 = 0

  init(seed: UInt64, start: Int64 = Self.start) {
    self.start = start
    random = SeededGenerator(seed: seed)
    var phases: [Int64] = []
    for _ in 0..<Self.devices { phases.append(random.below(120)) }
    phase = phases
  }

  /// The next message: device by device, second by second.
  mutating func next() -> (at: Timestamp, topic: String, payload: [UInt8], values: [Double]) {
    let device = Int(number % Int64(Self.devices))
    let second = number / Int64(Self.devices)
    let at = start + second * 1000 + Int64(device) * 5
    number += 1
    let isCongested = (second + phase[device]) % 120 < 60
    let values = [
      Double(random.below(60)), (isCongested ? 8 : 45) + Double(random.below(60)) / 10,
      (isCongested ? 60 : 12) + Double(random.below(40)) / 10,
    ]
    var json = JSONWriter()
    json.object { json in
      json.field("ts", at - 3)
      json.field("values", object: { json in for (name, value) in zip(Self.metrics, values) { json.field(name, value) } })
    }
    return (Timestamp(milliseconds: at), "thuong/v1/bac-giang/traffic/\(Self.id(device))/telemetry", json.bytes, values)
  }

  static func id(_ device: Int) -> String { "k-\(1000 + device)" }

  static var files: [String: String] {
    let rows = (0..<devices).map { "  - {id: \(id($0)), profile: radar, name: Radar \($0), site: bac-giang, zone: z\($0 % 7)}" }
    return [
      "Devices/sites.yaml": "sites:\n  - {id: bac-giang, name: Bắc Giang}\n",
      "Devices/wards.yaml": "wards: []\n",
      "Devices/profiles/radar.yaml": """
      id: radar
      domain: traffic
      name: {vi: "Ra-đa", en: "Radar"}
      interval: 1s
      codec: native
      metrics:
        volume: {unit: "1", range: [0, 1000], resolution: 1}
        speed: {unit: km/h, range: [0, 250], resolution: 0.1}
        occupancy: {unit: "%", range: [0, 100], resolution: 0.1}

      """,
      "Devices/bac-giang.yaml": "devices:\n" + rows.joined(separator: "\n") + "\n",
      "Rules/traffic.yaml": """
      rules:
        - id: congestion
          name: {vi: "Ùn tắc", en: "Congestion"}
          where: {domain: traffic}
          when: mean(speed, 5s) < 15 and mean(occupancy, 5s) > 35
          hold: 10s
          clear: mean(speed, 5s) > 30
          clear_hold: 8s
          severity: major
          message: {vi: "{device.name}: {mean(speed, 5s)} km/h", en: "{device.name}: {mean(speed, 5s)} km/h"}
        - id: crowded
          name: {vi: "Đông", en: "Crowded"}
          where: {domain: traffic}
          when: max(occupancy, 20s) > 63.5
          hold: 30s
          severity: minor
          message: {vi: "{device.name}", en: "{device.name}"}

      """,
    ]
  }
}
