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
  package var messageVi: String?
  /// The header `thuong-sequence`; nil for a heartbeat.
  package var sequence: Int64?
  /// The exact bytes that were signed.
  package var body: [UInt8]
  /// How the sequence follows the one before.
  package var order: SequenceLedger.Order = .unnumbered
  /// Whether an event of this id was taken before: fine, since delivery is at least once.
  package var isDuplicate = false
  /// The status that it is answered with.
  package var answer = 204

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
    guard let json = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any] else {
      throw Refusal(status: 400, text: "the body is not a JSON object")
    }
    func text(_ name: String) throws(Refusal) -> String {
      guard let text = json[name] as? String, !text.isEmpty else { throw Refusal(status: 422, text: "the CloudEvent has no \(name)") }
      return text
    }
    guard try text("specversion") == "1.0" else { throw Refusal(status: 422, text: "specversion is not 1.0") }
    (self.id, self.type, self.source) = (try text("id"), try text("type"), try text("source"))
    guard id == request.webhookID else { throw Refusal(status: 422, text: "webhook-id is not the event's id") }
    if let header = request.sequence {
      guard let number = Int64(header), number > 0 else { throw Refusal(status: 400, text: "thuong-sequence is not a number from 1") }
      self.sequence = number
    }
    let data = json["data"] as? [String: Any]
    (self.path, self.body) = (request.path, request.body)
    self.subject = json["subject"] as? String
    self.time = (json["time"] as? String).flatMap { Timestamp(rfc3339: $0) }
    self.severity = (data?["severity"] as? String).flatMap { Severity(name: $0) }
    self.messageVi = (data?["message"] as? [String: Any])?["vi"] as? String
  }
}
