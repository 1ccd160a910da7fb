import HTTPTypes

/// What a handler is asked: the pattern's named segments, the checked query, and the body of a route that takes one.
struct Call: Sendable {
  var segments: [String: String]
  var query: Query
  var body: [UInt8] = []

  /// The segment that the route's pattern names so.
  func segment(_ name: String) -> String {
    guard let text = segments[name] else { preconditionFailure("the route's pattern has no segment {\(name)}") }
    return text
  }
}

/// One address of the console: a method, a pattern of fixed and `{named}` segments, the query keys it knows, the body it takes, and what
/// answers.
struct Route: Sendable {
  /// GET answers HEAD too.
  let method: HTTPRequest.Method
  let pattern: String
  let keys: [String]
  let body: BodyForm
  let handle: @Sendable (Call) async throws -> Answer
  private let parts: [Part]

  private enum Part: Sendable {
    case fixed(String)
    case named(String)
  }

  init(
    _ pattern: String, method: HTTPRequest.Method = .get, keys: [String] = [], body: BodyForm = .none,
    _ handle: @escaping @Sendable (Call) async throws -> Answer
  ) {
    (self.method, self.pattern, self.keys, self.body, self.handle) = (method, pattern, keys, body, handle)
    parts = pattern.split(separator: "/").map { part in
      part.hasPrefix("{") ? .named(String(part.dropFirst().dropLast())) : .fixed(String(part))
    }
  }

  func answers(_ asked: HTTPRequest.Method) -> Bool { asked == method || (asked == .head && method == .get) }

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
