import Readings

/// Reads expressions, loosest first:
///
///     condition      := conjunction ("or" conjunction)*
///     conjunction    := negation ("and" negation)*
///     negation       := "not" negation | comparison
///     comparison     := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?        at most one: a < b < c is a fault
///     sum            := product (("+" | "-") product)*
///     product        := signed (("*" | "/") signed)*
///     signed         := "-" signed | primary
///     primary        := number | duration | time | text | "attr" "." name | name "(" arguments ")" | name | "(" condition ")"
package struct ExpressionParser {
  /// Characters of one expression, at most.
  package static let maximumLength = 4096
  /// Parentheses, calls and signs within each other, at most.
  package static let maximumNesting = 64
  /// Operators in one expression, at most: bounds the depth of the tree.
  package static let maximumOperators = 256

  private let tokens: [Token]
  private var at = 0
  private var nesting = 0
  private var operators = 0

  /// - Throws: the first fault of syntax; types are the checker's.
  package static func parse(_ text: String) throws(LanguageFault) -> Expression {
    guard text.unicodeScalars.count <= maximumLength else {
      throw LanguageFault(offset: 0, message: "an expression has at most \(maximumLength) characters; split the rule")
    }
    var parser = ExpressionParser(tokens: try Lexer.tokens(of: text))
    if parser.kind == .end { throw LanguageFault(offset: 0, message: "an expression is missing here") }
    let expression = try parser.condition()
    if parser.kind != .end { throw parser.fault("expected an operator or the end, got \(parser.shown)") }
    return expression
  }

  private init(tokens: [Token]) { self.tokens = tokens }

  private var kind: Token.Kind { tokens[at].kind }
  private var offset: Int { tokens[at].offset }
  private func fault(_ message: String) -> LanguageFault { LanguageFault(offset: offset, message: message) }

  private var shown: String {
    switch kind {
    case .end: "the end of the expression"
    case .symbol(let symbol): "\"\(symbol)\""
    case .name(let name): "\"\(name.prefix(40))\""
    case .text(let text): "the text \"\(text.prefix(40))\""
    case .number, .duration, .timeOfDay: "\(Expression(offset: 0, form: literal ?? .number(0)).canonical)"
    }
  }

  private var literal: Expression.Form? {
    switch kind {
    case .number(let number): .number(number)
    case .duration(let length): .duration(length)
    case .timeOfDay(let minutes): .timeOfDay(minutes)
    case .text(let text): .text(text)
    default: nil
    }
  }

  private mutating func accept(_ symbol: String) -> Bool {
    guard kind == .symbol(symbol) else { return false }
    at += 1
    return true
  }
  private mutating func accept(word: String) -> Bool {
    guard kind == .name(word) else { return false }
    at += 1
    return true
  }

  private mutating func countOperator() throws(LanguageFault) {
    operators += 1
    if operators > Self.maximumOperators { throw fault("an expression has at most \(Self.maximumOperators) operators; split the rule") }
  }

  private mutating func enter() throws(LanguageFault) {
    nesting += 1
    if nesting > Self.maximumNesting { throw fault("an expression nests at most \(Self.maximumNesting) deep; split the rule") }
  }

  private mutating func condition() throws(LanguageFault) -> Expression {
    try enter()
    defer { nesting -= 1 }
    var left = try conjunction()
    while accept(word: "or") {
      try countOperator()
      left = Expression(offset: left.offset, form: .binary(.or, left, try conjunction()))
    }
    return left
  }

  private mutating func conjunction() throws(LanguageFault) -> Expression {
    var left = try negation()
    while accept(word: "and") {
      try countOperator()
      left = Expression(offset: left.offset, form: .binary(.and, left, try negation()))
    }
    return left
  }

  private mutating func negation() throws(LanguageFault) -> Expression {
    let start = offset
    guard accept(word: "not") else { return try comparison() }
    try enter()
    defer { nesting -= 1 }
    return Expression(offset: start, form: .not(try negation()))
  }

  private mutating func comparison() throws(LanguageFault) -> Expression {
    let left = try sum()
    guard let op = comparisonHere() else { return left }
    at += 1
    try countOperator()
    let right = try sum()
    if let second = comparisonHere() {
      throw fault("comparisons do not chain: write \"a \(op.rawValue) b and b \(second.rawValue) c\"")
    }
    return Expression(offset: left.offset, form: .binary(op, left, right))
  }

  private func comparisonHere() -> BinaryOperator? {
    guard case .symbol(let symbol) = kind, let op = BinaryOperator(rawValue: symbol), op.isComparison else { return nil }
    return op
  }

  private mutating func sum() throws(LanguageFault) -> Expression {
    var left = try product()
    while kind == .symbol("+") || kind == .symbol("-") {
      let op: BinaryOperator = kind == .symbol("+") ? .add : .subtract
      at += 1
      try countOperator()
      left = Expression(offset: left.offset, form: .binary(op, left, try product()))
    }
    return left
  }

  private mutating func product() throws(LanguageFault) -> Expression {
    var left = try signed()
    while kind == .symbol("*") || kind == .symbol("/") {
      let op: BinaryOperator = kind == .symbol("*") ? .multiply : .divide
      at += 1
      try countOperator()
      left = Expression(offset: left.offset, form: .binary(op, left, try signed()))
    }
    return left
  }

  private mutating func signed() throws(LanguageFault) -> Expression {
    let start = offset
    guard accept("-") else { return try primary() }
    try enter()
    defer { nesting -= 1 }
    return Expression(offset: start, form: .negate(try signed()))
  }

  private mutating func primary() throws(LanguageFault) -> Expression {
    let start = offset
    if let literal {
      at += 1
      return Expression(offset: start, form: literal)
    }
    if accept("(") {
      let inner = try condition()
      guard accept(")") else { throw fault("expected \")\", got \(shown)") }
      return inner
    }
    guard case .name(let name) = kind, !["and", "or", "not"].contains(name) else {
      throw fault("expected a value such as mean(speed, 5m), got \(shown)")
    }
    at += 1
    if name == "attr" { return Expression(offset: start, form: .attribute(try attributeName())) }
    if accept("(") { return Expression(offset: start, form: .call(Expression.Call(function: name, arguments: try arguments(of: name)))) }
    return Expression(offset: start, form: .name(name))
  }

  private mutating func attributeName() throws(LanguageFault) -> String {
    guard accept("."), case .name(let name) = kind else { throw fault("expected an attribute's name, as in attr.rated_power") }
    at += 1
    return name
  }

  private mutating func arguments(of function: String) throws(LanguageFault) -> [Expression] {
    var arguments: [Expression] = []
    if accept(")") { return arguments }
    repeat {
      arguments.append(try condition())
    } while accept(",")
    guard accept(")") else { throw fault("expected \",\" or \")\" in \(function)(…), got \(shown)") }
    return arguments
  }
}
