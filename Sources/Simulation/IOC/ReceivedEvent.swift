import Foundation
package import Outbox
package import Readings

/// A request as the stand-in IOC got it: what verification needs.
package struct ReceivedRequest: Sendable {
  package var path: String
  package var contentType: String?
  package var webhookID: String?
  package var webhookTimestamp: String?
  package var webhookSignature: String?
  package var sequence: String?
  package var body: [UInt8]

  package init(
    path: String, contentType: String?, webhookID: String?, webhookTimestamp: String?, webhookSignature: String?, sequence: String?,
    body: [UInt8]
  ) {
    (self.path, self.contentType, self.webhookID) = (path, contentType, webhookID)
    (self.webhookTimestamp, self.webhookSignature) = (webhookTimestamp, webhookSignature)
    (self.sequence, self.body) = (sequence, body)
  }
}

/// A verified event, with the facts that a receiver shows.
package struct ReceivedEvent: Sendable {
  package var path: String
  package var id: String
  package var type: String
  package var source: String
  package var subject: String?
  package var time: Timestamp?
  package var severity: Severity?
  package var message: BilingualText?
  /// The header `thuong-sequence`; nil for a heartbeat.
  package var sequence: Int64?
  /// The exact bytes that were signed.
  package var body: [UInt8]
  /// The whole state of its alert; nil where it is of no alert.
  package var alert: ReceiverLedger.AlertState?
  /// What it says where it is a heartbeat.
  package var heartbeat: ReceiverLedger.Heartbeat?
  /// How it follows those before it; nil where it was not taken.
  package var order: ReceiverLedger.Order?
  /// The status that it is answered with; 0 where the answer is left out.
  package var answer = 204
  /// What was done wrong to it on purpose, as `--misbehave` names it.
  package var misbehaviour: String?
  /// Its bytes are not those that came under its id before.
  package var isAltered = false
  /// It came before the time that `Retry-After` had told.
  package var isEarly = false

  package var messageVi: String? { message?.vi }
  package var isDuplicate: Bool { order == .again }
  /// Who sent it: its path and its source.
  package var sender: String { path + " " + source }

  /// Why a request is not taken, and the status that says so.
  package struct Refusal: Error, Sendable, Equatable {
    package var status: Int
    package var text: String
  }

  /// Verifies a request and reads its event: first the signature, over the bytes as they are, and only then the JSON.
  package init(_ request: ReceivedRequest, secrets: [WebhookSecret], now: Timestamp) throws(Refusal) {
    let fault = Signature.fault(
      id: request.webhookID, timestamp: request.webhookTimestamp, header: request.webhookSignature, body: request.body,
      secrets: secrets, now: now)
    if let fault { throw Refusal(status: 401, text: fault.rawValue) }
    guard let type = request.contentType?.lowercased(), type.hasPrefix("application/cloudevents+json") else {
      throw Refusal(status: 415, text: "content-type is not application/cloudevents+json")
    }
    var sequence: Int64?
    if let header = request.sequence {
      guard let number = Int64(header), number > 0 else { throw Refusal(status: 400, text: "thuong-sequence is not a number from 1") }
      sequence = number
    }
    try self.init(path: request.path, sequence: sequence, body: request.body)
    guard id == request.webhookID else { throw Refusal(status: 422, text: "webhook-id is not the event's id") }
  }

  /// Reads an event that was verified before.
  package init(path: String, sequence: Int64?, body: [UInt8]) throws(Refusal) {
    guard let json = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] else {
      throw Refusal(status: 400, text: "the body is not a JSON object")
    }
    func text(_ name: String) throws(Refusal) -> String {
      guard let text = json[name] as? String, !text.isEmpty else { throw Refusal(status: 422, text: "the CloudEvent has no \(name)") }
      return text
    }
    guard try text("specversion") == "1.0" else { throw Refusal(status: 422, text: "specversion is not 1.0") }
    (self.id, self.type, self.source) = (try text("id"), try text("type"), try text("source"))
    let data = json["data"] as? [String: Any]
    (self.path, self.sequence, self.body) = (path, sequence, body)
    self.subject = json["subject"] as? String
    self.time = (json["time"] as? String).flatMap { Timestamp(rfc3339: $0) }
    self.severity = (data?["severity"] as? String).flatMap { Severity(name: $0) }
    self.message = Self.text(data?["message"])
    if let data, type.hasPrefix("vn.thuong.alert.") {
      alert = try Self.alert(data, subject: subject ?? "", severity: severity, message: message)
    }
    if type == "vn.thuong.gateway.alive", let last = data?["lastSequence"] as? Int64, let waiting = data?["waiting"] as? Int64 {
      heartbeat = ReceiverLedger.Heartbeat(time: time, lastSequence: last, waiting: waiting)
    }
  }

  /// An event of an alert without a revision and a state cannot be applied: it is refused, and so is told to be wrong.
  private static func alert(
    _ data: [String: Any], subject: String, severity: Severity?, message: BilingualText?
  ) throws(Refusal) -> ReceiverLedger.AlertState {
    guard let id = data["alert"] as? String, let revision = data["revision"] as? Int64, let state = data["state"] as? String,
      ["raised", "cleared"].contains(state), let severity
    else { throw Refusal(status: 422, text: "an alert's event needs alert, revision, state and severity") }
    let rule = data["rule"] as? [String: Any]
    let ruleID = rule?["id"] as? String ?? ""
    return ReceiverLedger.AlertState(
      id: id, revision: revision, isRaised: state == "raised", severity: severity,
      rule: text(rule?["name"]) ?? BilingualText(vi: ruleID, en: ruleID), subject: subject,
      message: message ?? BilingualText(vi: "", en: ""), raisedAt: data["raisedAt"] as? String,
      isAcknowledged: data["acknowledged"] is [String: Any])
  }

  private static func text(_ value: Any?) -> BilingualText? {
    guard let value = value as? [String: Any], let vi = value["vi"] as? String, let en = value["en"] as? String else { return nil }
    return BilingualText(vi: vi, en: en)
  }
}
