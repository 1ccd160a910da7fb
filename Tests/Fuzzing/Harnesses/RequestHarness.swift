import Console
import Readings

/// The target of a request, and the keys that the lists of the API know.
final class RequestHarness: Harness {
  static let name = "request"

  private static let keys = ["state", "limit", "after", "since", "from", "to"]

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: input, as: UTF8.self) else { return "refused" }
    do {
      let target = try RequestTarget(text)
      try promise(!target.path.isEmpty && target.path.count <= 17 && target.query.count <= 16, "\(target)")
      try promise(try RequestTarget(Self.text(of: target)) == target, "written again it is another target: \(target)")
      let query = try Query(target.query, known: Self.keys)
      for pair in target.query { try promise(query[pair.key] == pair.value, "\(pair.key) is \(query[pair.key] ?? "none")") }
      try promise((1...500).contains(query.limit(most: 500, usual: 100)), "a limit beyond the most")
      for key in ["from", "to"] {
        if let time = try query.time(key) { try promise(Timestamp.plausible.contains(time.milliseconds), "\(key) is \(time)") }
      }
      if let since = try query.number("since") { try promise(since >= 0, "since \(since)") }
      if let state = try query.word("state", of: ["raised", "cleared"]) { try promise(["raised", "cleared"].contains(state), "a state") }
      for kind in [Cursor.Kind.alerts, .devices, .outbox] {
        guard let text = query["after"], let cursor = Cursor(text: text), cursor.kind == kind else { continue }
        try promise(cursor.text == text && cursor.fields.count == kind.fieldCount, "a cursor \(cursor)")
      }
      _ = try query["after"].map { _ in try query.cursor(.alerts) }
      return "request"
    } catch let problem as Problem {
      try promise(!problem.detail.isEmpty, "a problem without a word")
      return "refused"
    }
  }

  /// Every byte that is not plain percent-encoded.
  private static func text(of target: RequestTarget) -> String {
    func encoded(_ text: String) -> String {
      text.utf8.map { byte in
        let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        return isPlain ? String(UnicodeScalar(byte)) : "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
      }.joined()
    }
    let query = target.query.map { "\(encoded($0.key))=\(encoded($0.value))" }.joined(separator: "&")
    return "/" + target.path.map(encoded).joined(separator: "/") + (query.isEmpty ? "" : "?" + query)
  }
}
