import Crypto
import Foundation

/// A key of Standard Webhooks: `whsec_` and base64. It never shows itself in logs.
package struct WebhookSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  let key: SymmetricKey

  package var description: String { "whsec_(hidden)" }
  package var customMirror: Mirror { Mirror(self, children: []) }

  /// Nil where it is not `whsec_` and base64 of 16 to 64 bytes.
  package init?(text: String) {
    let prefix = "whsec_"
    guard text.hasPrefix(prefix), let bytes = Data(base64Encoded: String(text.dropFirst(prefix.count))), (16...64).contains(bytes.count)
    else { return nil }
    self.key = SymmetricKey(data: bytes)
  }

  /// The secrets of a file, one a line; empty lines and lines with `#` are passed over. A file that others than its owner and group
  /// may read or write is refused, since who knows the secret can forge alerts.
  package static func load(file path: String) throws(SinkConfigurationError) -> [WebhookSecret] {
    let text = try SecretFile.text(path)
    var secrets: [WebhookSecret] = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = line.trimmingCharacters(in: .whitespaces.union(.init(charactersIn: "\r")))
      if line.isEmpty || line.hasPrefix("#") { continue }
      guard let secret = WebhookSecret(text: line) else {
        throw SinkConfigurationError("\(path):\(number + 1): a secret is whsec_ and base64 of 16 to 64 bytes")
      }
      secrets.append(secret)
    }
    guard !secrets.isEmpty else { throw SinkConfigurationError("\(path): holds no secret; write whsec_ and base64, one a line") }
    return secrets
  }
}
