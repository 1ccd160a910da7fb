import DeviceRegistry
package import Readings

/// A parsed expression. `offset` is the place of its first character (Unicode scalars from 0) in the text it came from.
package struct Expression: Sendable {
  package indirect enum Form: Sendable {
    case number(Double)
    case duration(Milliseconds)
    /// Minutes since midnight, `06:00`.
    case timeOfDay(Int)
    case text(String)
    /// A bare word: the name of a metric or of a limit, where a function wants one.
    case name(String)
    /// `attr.rated_power`.
    case attribute(String)
    case call(Call)
    case negate(Expression)
    case not(Expression)
    case binary(BinaryOperator, Expression, Expression)
  }

  package struct Call: Sendable {
    package var function: String
    package var arguments: [Expression]
  }

  package var offset: Int
  package var form: Form
}

/// Operators between two operands, with how tightly they bind.
package enum BinaryOperator: String, Sendable, CaseIterable {
  case or, and
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case equal = "=="
  case notEqual = "!="
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"

  var precedence: Int {
    switch self {
    case .or: 1
    case .and: 2
    case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual: 4
    case .add, .subtract: 5
    case .multiply, .divide: 6
    }
  }
  var isComparison: Bool { precedence == 4 }
  var isArithmetic: Bool { precedence >= 5 }
}

extension Expression {
  /// The expression in the one way of writing it: single spaces, shortest durations, only the parentheses it needs.
  package var canonical: String { written(inside: 0) }

  private static let precedenceOfNot = 3
  private static let precedenceOfNegation = 7

  private func written(inside outer: Int) -> String {
    switch form {
    case .number(let number): return Expression.numberText(number)
    case .duration(let length): return DurationText.text(length)
    case .timeOfDay(let minutes): return Expression.clockText(minutes)
    case .text(let text): return text.contains("\"") ? "'\(text)'" : "\"\(text)\""
    case .name(let name): return name
    case .attribute(let name): return "attr.\(name)"
    case .call(let call): return "\(call.function)(\(call.arguments.map { $0.written(inside: 0) }.joined(separator: ", ")))"
    case .negate(let operand):
      return bracketed("-\(operand.written(inside: Self.precedenceOfNegation))", Self.precedenceOfNegation, inside: outer)
    case .not(let operand): return bracketed("not \(operand.written(inside: Self.precedenceOfNot))", Self.precedenceOfNot, inside: outer)
    case .binary(let op, let left, let right):
      // A comparison has no comparison as operand; the others group to the left.
      let leftPrecedence = op.isComparison ? op.precedence + 1 : op.precedence
      let text = "\(left.written(inside: leftPrecedence)) \(op.rawValue) \(right.written(inside: op.precedence + 1))"
      return bracketed(text, op.precedence, inside: outer)
    }
  }

  private func bracketed(_ text: String, _ precedence: Int, inside outer: Int) -> String { precedence < outer ? "(\(text))" : text }

  /// Digits alone: the language has no exponents.
  private static func numberText(_ number: Double) -> String {
    let text = JSONWriter.number(number)
    guard let mark = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: mark)...]) else { return text }
    let digits = String(text[..<mark].filter { $0 != "." })
    if exponent < 0 { return "0.\(String(repeating: "0", count: -exponent - 1))\(digits)" }
    return digits + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
  }

  private static func clockText(_ minutes: Int) -> String {
    let (hours, rest) = (minutes / 60, minutes % 60)
    return "\(hours < 10 ? "0" : "")\(hours):\(rest < 10 ? "0" : "")\(rest)"
  }

  /// Every call in order of the text, a call before those among its arguments.
  package var calls: [Call] {
    switch form {
    case .call(let call): [call] + call.arguments.flatMap(\.calls)
    case .negate(let operand), .not(let operand): operand.calls
    case .binary(_, let left, let right): left.calls + right.calls
    default: []
    }
  }

  /// Names of the device's attributes that it reads, each with its place.
  var attributes: [(name: String, offset: Int)] {
    switch form {
    case .attribute(let name): [(name, offset)]
    case .call(let call): call.arguments.flatMap(\.attributes)
    case .negate(let operand), .not(let operand): operand.attributes
    case .binary(_, let left, let right): left.attributes + right.attributes
    default: []
    }
  }

  /// Names of the metrics that it reads, each with its place, in order of the text.
  var metrics: [(name: String, offset: Int)] { names(of: .metric) }

  /// Names of the limits that it compares with, each with its place, in order of the text.
  var limits: [(name: String, offset: Int)] { names(of: .limitName) }

  private func names(of wanted: ArgumentKind) -> [(name: String, offset: Int)] {
    switch form {
    case .call(let call):
      zip(call.arguments, FunctionCatalog.kinds(of: call)).flatMap { argument, kind in
        if kind == wanted, case .name(let name) = argument.form { return [(name: name, offset: argument.offset)] }
        return argument.names(of: wanted)
      }
    case .negate(let operand), .not(let operand): operand.names(of: wanted)
    case .binary(_, let left, let right): left.names(of: wanted) + right.names(of: wanted)
    default: []
    }
  }
}

/// A fault inside an expression or a message: where (Unicode scalars from the start of its text) and what.
package struct LanguageFault: Error, Hashable, Sendable {
  package var offset: Int
  package var message: String
  package init(offset: Int, message: String) { (self.offset, self.message) = (offset, message) }
}
