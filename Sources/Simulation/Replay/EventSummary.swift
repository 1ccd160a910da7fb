import Foundation
package import Readings

/// What of an event a tester compares: when it became true, what, of which rule and subject, how bad.
package struct EventSummary: Hashable, Sendable {
  package var time: Timestamp
  /// Without `vn.thuong.`: `alert.raised`, `gateway.gap`.
  package var type: String
  /// Empty for events of the gateway itself; their cause stands in `subject`.
  package var rule: String
  package var subject: String
  package var severity: String
  /// The alert's id; empty for events of the gateway itself.
  package var alert: String

  /// Nil where the bytes are no CloudEvent of Thuong's.
  package init?(json: [UInt8]) {
    guard let event = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any],
      let type = event["type"] as? String, type.hasPrefix(Self.prefix), let data = event["data"] as? [String: Any],
      let time = (event["time"] as? String).flatMap({ Timestamp(rfc3339: $0) })
    else { return nil }
    self.time = time
    self.type = String(type.dropFirst(Self.prefix.count))
    rule = (data["rule"] as? [String: Any])?["id"] as? String ?? ""
    subject = event["subject"] as? String ?? data["cause"] as? String ?? ""
    severity = data["severity"] as? String ?? ""
    alert = data["alert"] as? String ?? ""
  }

  private static let prefix = "vn.thuong."

  /// `raised`, `cleared`, …; nil for what is no event of an alert.
  package var transition: String? { type.hasPrefix("alert.") ? String(type.dropFirst("alert.".count)) : nil }

  /// In one line for people: `21/11/2025 07:16:00  alert.raised traffic-congestion major bac-giang/traffic/bg-tr-001`.
  package var text: String { "\(time.withSeconds)  \(what)" }

  /// The same without its time.
  package var what: String { [type, rule, severity, subject].filter { !$0.isEmpty }.joined(separator: " ") }
}

extension Timestamp {
  /// For testers: `21/11/2025 07:16:00`, in Vietnam's time; milliseconds only where there are any.
  package var withSeconds: String {
    let exact = rfc3339
    let seconds = exact.dropFirst("2025-11-21T07:32".count).dropLast("+07:00".count)
    return forReaders + seconds
  }
}
