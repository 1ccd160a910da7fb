import Alerting
import Foundation
import Readings
import Simulation

/// Detectors of which every message is an event: slow in even rounds, which raises an alert, and fast in odd ones, which clears it.
enum AlertTown {
  static let devices = 8

  static var files: [String: String] {
    var files = SmallTown.files
    let rows = (0..<devices).map { "  - {id: k-\(1000 + $0), profile: radar, name: Radar \($0), site: bac-giang, zone: z\($0)}" }
    files["Devices/bac-giang.yaml"] = "devices:\n" + rows.joined(separator: "\n") + "\n"
    files["Rules/traffic.yaml"] = slowRule
    return files
  }

  /// A file of one rule, which others may go on with.
  static let slowRule = """
    rules:
      - id: slow
        name: {vi: "Chậm", en: "Slow"}
        where: {domain: traffic}
        when: last(speed) < 10
        clear: last(speed) > 30
        severity: major
        message: {vi: "{device.name}: {last(speed)} km/h", en: "{device.name}: {last(speed)} km/h"}

    """

  /// A round is a second: one message of each device.
  static func messages(rounds: Range<Int>, devices: Int = devices) -> [SmallTown.Message] {
    rounds.flatMap { round in (0..<devices).map { message(round: round, device: $0) } }
  }

  private static func message(round: Int, device: Int) -> SmallTown.Message {
    let at = SmallTown.start + Int64(round) * 1000 + Int64(device) * 5
    return SmallTown.message(at: at, device: "k-\(1000 + device)", ts: at, values: [("speed", round % 2 == 0 ? 5 : 50)])
  }

  /// The id of the event of a message, at a gateway of the instance `demo`.
  static func event(round: Int, device: Int) -> String {
    let raised = SmallTown.start + Int64(round / 2 * 2) * 1000 + Int64(device) * 5
    let alert = AlertIdentity.alert(
      instance: "demo", rule: "slow", subject: "bac-giang/traffic/k-\(1000 + device)", breachedAt: Timestamp(milliseconds: raised))
    return AlertIdentity.event(alert: alert, transition: round % 2 == 0 ? "raised" : "cleared", nth: 1)
  }

  /// The first seed with which these faults fall as wanted on the attempts of events of round 0, by device.
  static func seed(for faults: String, where isWanted: ((_ device: Int, _ attempt: Int) -> String?) -> Bool) throws -> UInt64 {
    for seed in UInt64(1)...100_000 {
      let plan = try Misbehaviour(faults, seed: seed)
      if isWanted({ plan.item(id: event(round: 0, device: $0), attempt: $1)?.name }) { return seed }
    }
    throw KillFailure("no seed makes \(faults) fall so")
  }

  /// The events of those rounds as `type subject time`, sorted.
  static func expected(rounds: Range<Int>, devices: Int = devices) -> [String] {
    rounds.flatMap { round in
      (0..<devices).map { device in
        let at = Timestamp(milliseconds: SmallTown.start + Int64(round) * 1000 + Int64(device) * 5)
        return "vn.thuong.alert.\(round % 2 == 0 ? "raised" : "cleared") bac-giang/traffic/k-\(1000 + device) \(at.rfc3339)"
      }
    }.sorted()
  }
}
