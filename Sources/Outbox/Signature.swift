import Crypto
import Foundation
package import Readings

/// Signatures after Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, where the time is in whole seconds.
package enum Signature {
  /// Why a message is not to be believed.
  package enum Fault: String, Error, Sendable {
    case missingHeader = "a webhook header is missing"
    case badTimestamp = "webhook-timestamp is not a number"
    case tooOld = "webhook-timestamp is more than five minutes past"
    case tooNew = "webhook-timestamp is more than five minutes ahead"
    case mismatch = "no signature matches"
  }

  package static let tolerance: Milliseconds = 300_000

  /// The header `webhook-signature`: `v1,` and base64, one for each secret, separated by spaces.
  package static func header(id: String, seconds: Int64, body: [UInt8], secrets: [WebhookSecret]) -> String {
    let content = signed(id: id, seconds: String(seconds), body: body)
    return secrets.map { secret in
      "v1," + Data(HMAC<SHA256>.authenticationCode(for: content, using: secret.key)).base64EncodedString()
    }.joined(separator: " ")
  }

  /// The fault of a message as it was received; nil where one of its signatures is one of the secrets' and its time is near `now`.
  /// Signatures are compared in constant time.
  package static func fault(
    id: String?, timestamp: String?, header: String?, body: [UInt8], secrets: [WebhookSecret], now: Timestamp
  ) -> Fault? {
    guard let id, let timestamp, let header else { return .missingHeader }
    guard let seconds = Int64(timestamp), (0...253_402_300_799).contains(seconds) else { return .badTimestamp }
    let age = now.milliseconds - seconds * 1000
    if age > tolerance { return .tooOld }
    if age < -tolerance { return .tooNew }
    let content = signed(id: id, seconds: timestamp, body: body)
    for part in header.split(separator: " ") where part.hasPrefix("v1,") {
      guard let code = Data(base64Encoded: String(part.dropFirst(3))) else { continue }
      for secret in secrets where HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: content, using: secret.key) { return nil }
    }
    return .mismatch
  }

  private static func signed(id: String, seconds: String, body: [UInt8]) -> [UInt8] {
    Array("\(id).\(seconds).".utf8) + body
  }
}
