import Readings

/// A message in both languages, with places that are filled in when it is told.
package struct MessageTemplate: Sendable {
  package enum Segment: Sendable, Equatable {
    case literal(String)
    case field(MessageField)
    /// An index into `expressions`.
    case expression(Int)
  }

  package var vi: [Segment] = []
  package var en: [Segment] = []
  /// The expressions of both languages, each once.
  package var expressions: [Expression] = []

  /// A message of fixed words.
  static func fixed(_ text: BilingualText) -> MessageTemplate { MessageTemplate(vi: [.literal(text.vi)], en: [.literal(text.en)]) }
}

/// What a message may name besides expressions.
package enum MessageField: String, Sendable, CaseIterable {
  case deviceID = "device.id"
  case deviceName = "device.name"
  case profile = "profile.name"
  case site
  case siteName = "site.name"
  case zone
  case ward
  /// The zone's id, the ward's name or the site's name: whatever `for_each` says.
  case group
  /// The members that the group has at T.
  case groupCount = "group.count"
  case ruleName = "rule.name"
  /// T of the evaluation, dd/MM/yyyy HH:mm in Vietnam.
  case time

  private static let ofDevice: Set<MessageField> = [.deviceID, .deviceName, .profile]
  private static let ofGroup: Set<MessageField> = [.group, .groupCount]

  /// What a message of such a rule may name: a device's has no group, a group's no single device.
  static func known(in scope: TypeChecker.Scope) -> [MessageField] {
    allCases.filter { !(scope == .device ? ofGroup : ofDevice).contains($0) }
  }
}

/// Reads one language's text: `{expression}`, `{device.name}` and the like; `{{` and `}}` are braces.
struct TemplateParser {
  static let maximumLength = 2048
  static let maximumExpressions = 16

  private(set) var faults: [LanguageFault] = []
  /// The expressions found, each with its place in this text.
  private(set) var expressions: [(expression: Expression, offset: Int)] = []
  private let scope: TypeChecker.Scope

  init(scope: TypeChecker.Scope) { self.scope = scope }

  /// Segments whose expressions are numbered from `first` on.
  mutating func parse(_ text: String, known: inout [Expression]) -> [MessageTemplate.Segment] {
    let scalars = Array(text.unicodeScalars)
    guard scalars.count <= Self.maximumLength else {
      faults.append(LanguageFault(offset: 0, message: "a message has at most \(Self.maximumLength) characters"))
      return []
    }
    var segments: [MessageTemplate.Segment] = []
    var literal = String.UnicodeScalarView()
    var at = 0
    while at < scalars.count {
      let c = scalars[at]
      let isDoubled = at + 1 < scalars.count && scalars[at + 1] == c
      if (c == "{" || c == "}") && isDoubled {
        literal.append(c)
        at += 2
      } else if c == "{" {
        guard let end = scalars[at...].firstIndex(of: "}") else {
          faults.append(LanguageFault(offset: at, message: "\"{\" without its \"}\"; write {{ for a brace"))
          return segments
        }
        if !literal.isEmpty { segments.append(.literal(String(literal))) }
        literal.removeAll()
        var inside = String.UnicodeScalarView()
        inside.append(contentsOf: scalars[(at + 1)..<end])
        if let segment = place(String(inside), at: at + 1, expressions: &known) { segments.append(segment) }
        at = end + 1
      } else {
        if c == "}" { faults.append(LanguageFault(offset: at, message: "\"}\" without its \"{\"; write }} for a brace")) }
        literal.append(c)
        at += 1
      }
    }
    if !literal.isEmpty { segments.append(.literal(String(literal))) }
    return segments
  }

  private mutating func place(_ text: String, at offset: Int, expressions all: inout [Expression]) -> MessageTemplate.Segment? {
    let name = text.trimmed
    let known = MessageField.known(in: scope)
    if let field = MessageField(rawValue: name), known.contains(field) { return .field(field) }
    do throws(LanguageFault) {
      let expression = try ExpressionParser.parse(text)
      if case .name = expression.form {
        let fields = known.map { "{\($0.rawValue)}" }.joined(separator: ", ")
        faults.append(
          LanguageFault(offset: offset, message: "{\(name)} is unknown: write an expression such as {mean(speed, 5m)}, or \(fields)"))
        return nil
      }
      let found = TypeChecker.faults(in: expression, wanted: [.number, .duration, .text], as: "a message shows values", scope: scope)
      faults += found.map { LanguageFault(offset: $0.offset + offset, message: $0.message) }
      expressions.append((expression, offset))
    } catch {
      let unknownField = name.contains(".") && !name.contains("(")
      let message =
        unknownField ? "{\(name)} is unknown\(CloseNames.hint(for: name, among: known.map(\.rawValue)))" : error.message
      faults.append(LanguageFault(offset: offset + (unknownField ? 0 : error.offset), message: message))
      return nil
    }
    let expression = expressions[expressions.count - 1].expression
    if let index = all.firstIndex(where: { $0.canonical == expression.canonical }) { return .expression(index) }
    all.append(expression)
    if all.count == Self.maximumExpressions + 1 {
      faults.append(LanguageFault(offset: offset, message: "a message has at most \(Self.maximumExpressions) expressions"))
    }
    return .expression(all.count - 1)
  }
}

extension String {
  /// Without white space at either end.
  var trimmed: String {
    let isSpace: (Unicode.Scalar) -> Bool = { $0.properties.isWhitespace }
    return String(unicodeScalars.drop(while: isSpace).reversed().drop(while: isSpace).reversed().map(Character.init))
  }
}
