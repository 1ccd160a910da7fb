/// What a route takes as its request's body, and how much of it.
enum BodyForm: Sendable {
  case none, json, yaml

  static let jsonMax = 64 << 10
  /// As large as a file of rules may be.
  static let yamlMax = 1 << 20

  var bytesMax: Int {
    switch self {
    case .none: 0
    case .json: Self.jsonMax
    case .yaml: Self.yamlMax
    }
  }

  private var types: [String] {
    switch self {
    case .none: []
    case .json: ["application/json"]
    case .yaml: ["application/yaml", "application/x-yaml", "text/yaml"]
    }
  }

  /// Why a body of that content type is not taken; nil where it is.
  func refusal(of contentType: String?) -> Problem? {
    guard !types.isEmpty else { return nil }
    let given = contentType?.split(separator: ";").first?.trimmingPrefix { $0 == " " }.lowercased() ?? ""
    return types.contains(String(given).trimmingSuffix()) ? nil : .unsupportedMediaType(types[0])
  }
}

extension String {
  fileprivate func trimmingSuffix() -> String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
