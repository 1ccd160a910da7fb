import Alerting
import Foundation
import Outbox
import Readings
import Simulation

/// Four detectors for 150 seconds that make the engine tell every kind of event, of a device and of a group, with a limit and a forecast.
enum EveryKind {
  static let seconds = 150
  /// The alert that is acknowledged after `acknowledgedAfter` seconds.
  static let acknowledgedAfter = 130

  static func acknowledged(instance: String) -> String {
    let breached = Timestamp(milliseconds: SmallTown.start + 5 * 1000 + 5)
    return AlertIdentity.alert(instance: instance, rule: "slow", subject: "bac-giang/traffic/k-1001", breachedAt: breached)
  }

  /// The types of all events of alerts.
  static let types = AlertEvent.Transition.allCases.map { "vn.thuong.alert.\($0.rawValue)" }

  static func messages(seconds: Range<Int>) -> [SmallTown.Message] {
    seconds.flatMap { second in
      (0..<SmallTown.devices).map { device in
        let at = SmallTown.start + Int64(second) * 1000 + Int64(device) * 5
        return SmallTown.message(at: at, device: "k-\(1000 + device)", ts: at, values: values(device, second))
      }
    }
  }

  /// The first is slow, slower, and free again; the second slow for long; the third's occupancy swings; the fourth's volume rises.
  private static func values(_ device: Int, _ second: Int) -> [(String, Double)] {
    let isSwinging = device == 2 && (10..<70).contains(second) && second / 5 % 2 == 0
    let speed: Double =
      switch (device, second) {
      case (0, 5..<60), (1, 5..<140): 5
      case (0, 60..<120): 2
      default: 45
      }
    return [("volume", device == 3 ? Double(10 + 3 * second) : 10), ("speed", speed), ("occupancy", isSwinging ? 90 : 10)]
  }

  /// Messages, and the acknowledgement among them, as a trace.
  static func trace(instance: String) -> String {
    let acknowledgement =
      #"{"at":\#(SmallTown.start + Int64(acknowledgedAfter) * 1000 - 500),"command":{"ack":"\#(acknowledged(instance: instance))","by":"Lan","note":"đã cử đội"}}"#
    let lines =
      messages(seconds: 0..<acknowledgedAfter).map(\.traceLine) + [acknowledgement]
      + messages(seconds: acknowledgedAfter..<seconds).map(\.traceLine)
    return lines.joined(separator: "\n") + "\n"
  }

  /// Events of the gateway itself, with and without what may be missing.
  static func gatewayEvents(instance: String) -> [EventRecord] {
    let (from, to) = (Timestamp(milliseconds: SmallTown.start), Timestamp(milliseconds: SmallTown.start + 60_000))
    return [
      GatewayEvent.gap(instance: instance, cause: "session_lost", from: from, to: to, count: nil, detail: nil, detectedAt: to),
      GatewayEvent.gap(instance: instance, cause: "broker_dropped", from: from, to: to, count: 7, detail: "a topic", detectedAt: to),
      GatewayEvent.alive(instance: instance, sink: "ioc", lastSequence: 1042, waiting: 0, now: to),
    ]
  }

  /// What an operator sends to try a sink.
  static let testEvent = """
    {"specversion":"1.0","id":"kfuwdvgoyvod62hhmwqrq63qbi","source":"/thuong/demo","type":"vn.thuong.gateway.test",\
    "time":"2025-11-21T07:32:00.250+07:00","datacontenttype":"application/json","dataschema":"/schemas/test-1.json",\
    "data":{"sink":"ioc","message":{"vi":"Sự kiện thử","en":"A test event"}}}
    """

  static var files: [String: String] {
    var files = SmallTown.files
    files["Rules/limits.csv"] = """
      name,regulation,parameter,averaging,op,value,unit,valid_from,valid_to,confidence,note
      occupancy_max,practice,occupancy,1s,<=,60,%,2020-01-01,,memory,

      """
    files["Rules/traffic.yaml"] =
      AlertTown.slowRule + """
            escalate: [{severity: critical, when: last(speed) < 3, hold: 1s}]
            remind: 1m
            advice: {vi: "Cử người", en: "Send someone"}
          - id: crowded
            name: {vi: "Đông", en: "Crowded"}
            where: {domain: traffic}
            when: last(occupancy) > limit(occupancy_max)
            severity: minor
            message: {vi: "{device.name}", en: "{device.name}"}
          - id: swinging
            name: {vi: "Chập chờn", en: "Swinging"}
            where: {domain: traffic}
            when: last(occupancy) > 80
            clear: last(occupancy) < 20
            flapping: {turns: 3, within: 1h}
            severity: minor
            message: {vi: "{device.name}", en: "{device.name}"}
          - id: rising
            name: {vi: "Tăng dần", en: "Rising"}
            where: {domain: traffic}
            when: forecast(volume, 20s, 60s) > 300
            severity: info
            message: {vi: "{device.name}", en: "{device.name}"}
          - id: slow-town
            name: {vi: "Cả địa bàn chậm", en: "Town slow"}
            for_each: site
            when: count(last(speed) < 10) >= 2
            severity: critical
            message: {vi: "{site.name}", en: "{site.name}"}

        """
    return files
  }
}
