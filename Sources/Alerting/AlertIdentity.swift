import Crypto
package import Readings

/// Ids of alerts and events. They are derived from what they name, so that live, replay and a second try after a crash give the
/// same ids without a counter or a random number.
package enum AlertIdentity {
  /// The id of the alert of one rule on one subject that was first breached at that time.
  package static func alert(instance: String, rule: String, subject: String, breachedAt: Timestamp) -> String {
    derive([instance, rule, subject, String(breachedAt.milliseconds)])
  }

  /// The id of the event that tells the `nth` transition of that kind of an alert; the first is 1.
  package static func event(alert: String, transition: String, nth: Int) -> String {
    derive([alert, transition, String(nth)])
  }

  /// Characters of an id.
  package static let length = 26

  /// What is behind every id that begins so, and before those that begin with anything later.
  package static func end(of beginning: String) -> String { beginning + "\u{10FFFF}" }

  /// The first 26 characters of lower-case base32 (RFC 4648) of the SHA-256 of the parts, joined by line feeds.
  package static func derive(_ parts: [String]) -> String {
    let digest = SHA256.hash(data: Array(parts.joined(separator: "\n").utf8))
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    var text: [UInt8] = []
    var buffer: UInt32 = 0
    var bits: UInt32 = 0
    for byte in digest where text.count < length {
      buffer = buffer << 8 | UInt32(byte)
      bits += 8
      while bits >= 5, text.count < length {
        bits -= 5
        text.append(alphabet[Int(buffer >> bits & 31)])
      }
      buffer &= (1 << bits) - 1
    }
    return String(decoding: text, as: UTF8.self)
  }
}
