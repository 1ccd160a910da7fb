/// How much an alert matters, least first.
package enum Severity: UInt8, CaseIterable, Comparable, Codable, Sendable {
  case info, minor, major, critical

  package static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }

  package var name: String {
    switch self {
    case .info: "info"
    case .minor: "minor"
    case .major: "major"
    case .critical: "critical"
    }
  }

  package init?(name: String) {
    guard let found = Severity.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }
}

/// A text for people, in both languages.
package struct BilingualText: Hashable, Sendable {
  package var vi: String
  package var en: String
  package init(vi: String, en: String) { (self.vi, self.en) = (vi, en) }
}
