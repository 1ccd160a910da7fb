import Foundation
import Outbox
import Readings

/// What an event of an alert says, as its receiver reads it.
struct AlertBody {
  /// `raised` and so on.
  var type = ""
  var alert = ""
  var rule = ""
  var revision = 0
  var severity = Severity.info
  var isLate = false
  /// T, milliseconds after the workshop's start.
  var time: Int64 = 0
  var state = ""
  var acknowledgedBy: String?
  var message = ""

  init(_ event: EventRecord) {
    let json = (try? JSONSerialization.jsonObject(with: Data(event.body))) as? [String: Any] ?? [:]
    let data = json["data"] as? [String: Any] ?? [:]
    type = (json["type"] as? String)?.split(separator: ".").last.map(String.init) ?? ""
    alert = data["alert"] as? String ?? ""
    rule = (data["rule"] as? [String: Any])?["id"] as? String ?? ""
    revision = data["revision"] as? Int ?? 0
    severity = (data["severity"] as? String).flatMap { Severity(name: $0) } ?? .info
    isLate = data["late"] as? Bool ?? false
    time = ((json["time"] as? String).flatMap { Timestamp(rfc3339: $0) }?.milliseconds ?? 0) - GatewayWorkshop.start
    state = data["state"] as? String ?? ""
    acknowledgedBy = (data["acknowledged"] as? [String: Any])?["by"] as? String
    message = (data["message"] as? [String: Any])?["en"] as? String ?? ""
  }

  /// `rule raised@60000 major r1`
  var text: String { "\(rule) \(type)@\(time) \(severity.name) r\(revision)\(isLate ? " late" : "")" }
}

extension GatewayWorkshop {
  /// The events of alerts so far, in order.
  var alertEvents: [String] { events.filter { $0.site != nil }.map { AlertBody($0).text } }
}
