import Foundation
import Readings
import Simulation

/// Four detectors for sixteen seconds, each congested in the first half of them: enough for an alert of each, raised and cleared,
/// and little enough to be run again for every write of the run.
enum SmallTown {
  static let start: Int64 = 1_763_683_200_000
  static let devices = 4

  struct Message: Sendable {
    var at: Timestamp
    var topic: String
    var payload: String
    /// The readings that it becomes, as `thuong export` writes them.
    var readings: [String]

    /// The message as a line of a trace.
    var traceLine: String { "{\"at\":\(at.milliseconds),\"topic\":\"\(topic)\",\"payload\":\(payload)}" }
  }

  /// In order of arrival. With `unnamed` every fifth has no `ts`.
  static func messages(unnamed: Bool = false) -> [Message] {
    (0..<16 * devices).map { number in
      let (second, device) = (number / devices, number % devices)
      let at = start + Int64(second) * 1000 + Int64(device) * 5
      let isNamed = !unnamed || number % 5 != 4
      let values: [(String, Double)] = [
        ("volume", Double(number)), ("speed", (second < 8 ? 8 : 45) + Double(device) / 10), ("occupancy", 62.5),
      ]
      return message(at: at, device: "k-\(1000 + device)", ts: isNamed ? at - 3 : nil, values: values)
    }
  }

  /// - Parameter ts: of the payload; nil where it has none.
  static func message(at: Int64, device: String, ts: Int64?, storedAt: Int64? = nil, values: [(String, Double)]) -> Message {
    var json = JSONWriter()
    json.object { json in
      if let ts { json.field("ts", ts) }
      json.field("values", object: { json in for (name, value) in values { json.field(name, value) } })
    }
    return Message(
      at: Timestamp(milliseconds: at), topic: "thuong/v1/bac-giang/traffic/\(device)/telemetry",
      payload: String(decoding: json.bytes, as: UTF8.self),
      readings: values.map { reading(device, $0.0, storedAt ?? ts ?? at, $0.1) })
  }

  /// A reading as `thuong export` writes it.
  static func reading(_ device: String, _ metric: String, _ ts: Int64, _ value: Double) -> String {
    "{\"device\":\"\(device)\",\"metric\":\"\(metric)\",\"ts\":\(ts),\"value\":\(JSONWriter.number(value)),\"status\":\"00\"}"
  }

  static func write(_ messages: [Message], to path: String) throws {
    try messages.map(\.traceLine).joined(separator: "\n").appending("\n").write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// Devices and rules.
  static var files: [String: String] {
    var files = RushHour.files
    let rows = (0..<devices).map { "  - {id: k-\(1000 + $0), profile: radar, name: Radar \($0), site: bac-giang, zone: z\($0)}" }
    files["Devices/bac-giang.yaml"] = "devices:\n" + rows.joined(separator: "\n") + "\n"
    files["Rules/traffic.yaml"] = """
      rules:
        - id: congestion
          name: {vi: "Ùn tắc", en: "Congestion"}
          where: {domain: traffic}
          when: mean(speed, 5s) < 15 and mean(occupancy, 5s) > 35
          hold: 3s
          clear: mean(speed, 5s) > 30
          clear_hold: 3s
          severity: major
          message: {vi: "{device.name}: {mean(speed, 5s)} km/h", en: "{device.name}: {mean(speed, 5s)} km/h"}

      """
    return files
  }
}
