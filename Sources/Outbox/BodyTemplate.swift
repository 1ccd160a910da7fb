import CSimdJSON
import Foundation

/// What a sink gets in place of the CloudEvent: JSON whose texts may hold fields of the event.
///
///     {"ma": "{data.alert}", "muc": "{data.severity}", "gia_tri": "{data.value}", "noi_dung": "{data.message.vi} ({data.rule.id})"}
///
/// A text that is one field and nothing else becomes that field as it is: number, object, list, true, false or null. Within a text a
/// field is written out, and one that is null or that this event has not is left out. `{{` and `}}` are brackets. Names of members
/// stay as they are.
package struct BodyTemplate: Sendable {
  private enum Part: Sendable {
    case bytes([UInt8])
    /// In place of a whole text.
    case value([[UInt8]])
    /// Within a text.
    case text([[UInt8]])
  }

  package let contentType: String
  private let parts: [Part]

  /// - Throws: in one line, with file and line, what could not work.
  package init(file path: String, contentType: String = "application/json") throws(SinkConfigurationError) {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw SinkConfigurationError("\(path): no such file, or no text")
    }
    try self.init(text: text, name: path, contentType: contentType)
  }

  package init(text: String, name: String, contentType: String = "application/json") throws(SinkConfigurationError) {
    guard contentType.utf8.allSatisfy({ (0x20...0x7e).contains($0) }), contentType.contains("/") else {
      throw SinkConfigurationError("body: content_type \"\(contentType)\" is none, such as application/json")
    }
    let bytes = Array(text.utf8)
    do { _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) } catch {
      throw SinkConfigurationError("\(name): is not JSON: \(BodyTemplate.reason(error))")
    }
    // Foundation takes more than JSON: a comma before a closing bracket, UTF-16, a byte-order mark. An IOC might not.
    guard thuong_is_json(bytes, bytes.count) else {
      throw SinkConfigurationError("\(name): is not JSON: a comma too many, a number too large, or not plain UTF-8")
    }
    var compiler = Compiler(bytes: bytes, name: name)
    try compiler.run()
    (self.contentType, parts) = (contentType, compiler.parts)
  }

  /// - Parameter event: a CloudEvent of ours.
  package func render(_ event: [UInt8]) -> [UInt8] {
    let fields = JSONPlaces(event)
    var body: [UInt8] = []
    body.reserveCapacity(event.count)
    for part in parts {
      switch part {
      case .bytes(let bytes): body += bytes
      case .value(let path): body += fields.value(at: path) ?? ArraySlice("null".utf8)
      case .text(let path):
        guard let value = fields.value(at: path), !value.elementsEqual("null".utf8) else { continue }
        body += value.first == UInt8(ascii: "\"") ? value.dropFirst().dropLast() : value
      }
    }
    return body
  }

  private static func reason(_ error: any Error) -> String {
    HTTPPeer.oneLine((error as NSError).userInfo["NSDebugDescription"] as? String ?? "not readable")
  }
}

extension BodyTemplate {
  /// Splits valid JSON into what stays and what is filled in.
  private struct Compiler {
    let bytes: [UInt8]
    let name: String
    private(set) var parts: [Part] = []
    private var literal: [UInt8] = []
    private var at = 0
    private var line = 1

    init(bytes: [UInt8], name: String) { (self.bytes, self.name) = (bytes, name) }

    mutating func run() throws(SinkConfigurationError) {
      while at < bytes.count {
        if bytes[at] == UInt8(ascii: "\"") { try text() } else { take() }
      }
      flush()
    }

    private mutating func take() {
      if bytes[at] == UInt8(ascii: "\n") { line += 1 }
      literal.append(bytes[at])
      at += 1
    }

    private mutating func flush() {
      if !literal.isEmpty { parts.append(.bytes(literal)) }
      literal = []
    }

    /// A text from its first quote to its last.
    private mutating func text() throws(SinkConfigurationError) {
      var end = at + 1
      while bytes[end] != UInt8(ascii: "\"") { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
      let inner = bytes[at + 1..<end]
      let isKey = bytes[(end + 1)...].first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } == UInt8(ascii: ":")
      at = end + 1
      guard !isKey, inner.contains(UInt8(ascii: "{")) || inner.contains(UInt8(ascii: "}")) else {
        literal += bytes[(end - inner.count - 1)...end]
        return
      }
      if let path = whole(inner) {
        _ = try kind(of: path)
        flush()
        parts.append(.value(path.split(separator: ".").map { Array($0.utf8) }))
        return
      }
      literal.append(UInt8(ascii: "\""))
      try interpolate(inner)
      literal.append(UInt8(ascii: "\""))
    }

    /// The field that is all of a text.
    private func whole(_ inner: ArraySlice<UInt8>) -> String? {
      guard inner.count > 2, inner.first == UInt8(ascii: "{"), inner.last == UInt8(ascii: "}") else { return nil }
      let path = inner.dropFirst().dropLast()
      return path.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") } ? nil : String(decoding: path, as: UTF8.self)
    }

    private mutating func interpolate(_ inner: ArraySlice<UInt8>) throws(SinkConfigurationError) {
      var rest = inner
      while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") else {
          literal.append(byte)
          continue
        }
        if rest.first == byte {
          rest.removeFirst()
          literal.append(byte)
          continue
        }
        guard byte == UInt8(ascii: "{"), let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
          throw fault("a \(Character(UnicodeScalar(byte))) stands alone; write it twice if it is meant")
        }
        let path = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
        guard try kind(of: path) == .plain else {
          throw fault("{\(path)} is an object or a list: it can be a whole text, \"{\(path)}\", and not a part of one")
        }
        flush()
        parts.append(.text(path.split(separator: ".").map { Array($0.utf8) }))
        rest = rest[(end + 1)...]
      }
    }

    private func kind(of path: String) throws(SinkConfigurationError) -> EventFields.Kind {
      if let kind = EventFields.kind(of: path) { return kind }
      let near = EventFields.near(path).prefix(3).map { "{\($0)}" }.joined(separator: ", ")
      throw fault("no event has {\(path.prefix(80))}\(near.isEmpty ? "; see /schemas/alert-1.json" : "; there is \(near)")")
    }

    private func fault(_ text: String) -> SinkConfigurationError { SinkConfigurationError("\(name):\(line): \(text)") }
  }
}
