import RuleEngine

/// Conditions of rules: what parses is printed in one way, and that way parses as the same.
final class ExpressionHarness: Harness {
  static let name = "expression"

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: input, as: UTF8.self) else { return "fault" }
    let expression: Expression
    do throws(LanguageFault) {
      expression = try ExpressionParser.parse(text)
    } catch {
      let isInside = (0...text.unicodeScalars.count).contains(error.offset)
      try promise(isInside && !error.message.isEmpty, "a fault at \(error.offset): \(error.message)")
      return "fault"
    }
    try Self.checkPrinting(of: expression)
    return "parses"
  }

  static func checkPrinting(of expression: Expression) throws {
    let printed = expression.canonical
    // The spaces that printing adds may take it past the limit.
    if printed.unicodeScalars.count > ExpressionParser.maximumLength { return }
    do throws(LanguageFault) {
      let again = try ExpressionParser.parse(printed)
      if !isSame(expression, again) { throw LanguageFault(offset: 0, message: "it is another expression: \(again.canonical)") }
      if again.canonical != printed { throw LanguageFault(offset: 0, message: "it prints as \(again.canonical)") }
    } catch {
      throw Violation("printed as \(printed), which parses otherwise: \(error.message)")
    }
  }

  /// The same tree, wherever its parts stand.
  private static func isSame(_ a: Expression, _ b: Expression) -> Bool {
    switch (a.form, b.form) {
    case (.number(let a), .number(let b)): a == b
    case (.duration(let a), .duration(let b)): a == b
    case (.timeOfDay(let a), .timeOfDay(let b)): a == b
    case (.text(let a), .text(let b)), (.name(let a), .name(let b)), (.attribute(let a), .attribute(let b)): a.utf8.elementsEqual(b.utf8)
    case (.call(let a), .call(let b)):
      a.function == b.function && a.arguments.count == b.arguments.count && zip(a.arguments, b.arguments).allSatisfy { isSame($0, $1) }
    case (.negate(let a), .negate(let b)), (.not(let a), .not(let b)): isSame(a, b)
    case (.binary(let f, let a, let b), .binary(let g, let c, let d)): f == g && isSame(a, c) && isSame(b, d)
    default: false
    }
  }
}
