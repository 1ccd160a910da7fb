/// What a handler is asked: the pattern's named segments and the checked query.
struct Call: Sendable {
  var segments: [String: String]
  var query: Query

  /// The segment that the route's pattern names so.
  func segment(_ name: String) -> String {
    guard let text = segments[name] else { preconditionFailure("the route's pattern has no segment {\(name)}") }
    return text
  }
}

/// One address of the console: a pattern of fixed and `{named}` segments, the query keys it knows, and what answers.
struct Route: Sendable {
  let pattern: String
  let keys: [String]
  let handle: @Sendable (Call) async throws -> Answer
  private let parts: [Part]

  private enum Part: Sendable {
    case fixed(String)
    case named(String)
  }

  init(_ pattern: String, keys: [String] = [], _ handle: @escaping @Sendable (Call) async throws -> Answer) {
    (self.pattern, self.keys, self.handle) = (pattern, keys, handle)
    parts = pattern.split(separator: "/").map { part in
      part.hasPrefix("{") ? .named(String(part.dropFirst().dropLast())) : .fixed(String(part))
    }
  }

  /// The named segments where the path is this route's, else nil.
  func match(_ path: [String]) -> [String: String]? {
    guard path.count == parts.count else { return nil }
    var segments: [String: String] = [:]
    for (part, text) in zip(parts, path) {
      switch part {
      case .fixed(let wanted): if text != wanted { return nil }
      case .named(let name): if text.isEmpty { return nil } else { segments[name] = text }
      }
    }
    return segments
  }
}
