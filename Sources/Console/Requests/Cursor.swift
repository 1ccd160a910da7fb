import Foundation

/// Where the next page of a list begins: opaque to clients, `kind` and fields to us.
///
///     base64url, without padding, of: kind LF field LF field …
package struct Cursor: Equatable, Sendable {
  package enum Kind: String, Sendable {
    /// The last device's id.
    case devices = "d1"
    /// The last series' device and metric.
    case series = "s1"
    /// The last ts looked at.
    case points = "p1"
    /// The last alert's raisedAt and id.
    case alerts = "a1"
    /// The last rule's id.
    case rules = "r1"
    /// The last delivery's sink and sequence.
    case outbox = "o1"

    package var fieldCount: Int {
      switch self {
      case .devices, .points, .rules: 1
      case .series, .alerts, .outbox: 2
      }
    }
  }

  static let bytesMax = 512

  package let kind: Kind
  package let fields: [String]

  package init(_ kind: Kind, _ fields: String...) {
    precondition(fields.count == kind.fieldCount, "a cursor has its kind's fields")
    (self.kind, self.fields) = (kind, fields)
  }

  package var text: String {
    Data(([kind.rawValue] + fields).joined(separator: "\n").utf8).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  /// Nil where the text is none that `text` could have given.
  package init?(text: String) {
    guard text.utf8.count <= Self.bytesMax else { return nil }
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    let base64 = text.replacing("-", with: "+").replacing("_", with: "/") + padding
    guard let data = Data(base64Encoded: base64), let plain = String(validating: data, as: UTF8.self) else { return nil }
    let parts = plain.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let kind = Kind(rawValue: parts[0]), parts.count == 1 + kind.fieldCount else { return nil }
    (self.kind, fields) = (kind, Array(parts.dropFirst()))
    guard self.text == text else { return nil }
  }
}
