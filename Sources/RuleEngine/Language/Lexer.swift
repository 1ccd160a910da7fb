import DeviceRegistry
import Readings

/// A word of the language with its place.
struct Token {
  enum Kind: Equatable {
    case number(Double)
    case duration(Milliseconds)
    case timeOfDay(Int)
    case text(String)
    case name(String)
    case symbol(String)
    case end
  }
  var kind: Kind
  /// Unicode scalars from the start of the text.
  var offset: Int
}

/// Cuts an expression into tokens.
struct Lexer {
  private let scalars: [Unicode.Scalar]
  private var at = 0
  private var tokens: [Token] = []

  /// - Throws: the first character or literal that is no word of the language.
  static func tokens(of text: String) throws(LanguageFault) -> [Token] {
    var lexer = Lexer(scalars: Array(text.unicodeScalars))
    while try lexer.readOne() {}
    return lexer.tokens
  }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  private mutating func readOne() throws(LanguageFault) -> Bool {
    while let c = peek(), c == " " || c == "\t" || c == "\n" || c == "\r" { at += 1 }
    guard let c = peek() else {
      tokens.append(Token(kind: .end, offset: at))
      return false
    }
    let start = at
    switch c {
    case "0"..."9": try readNumber()
    case "a"..."z", "A"..."Z", "_": tokens.append(Token(kind: .name(take { Self.isWord($0) }), offset: start))
    case "\"", "'": try readText(quote: c)
    default: try readSymbol(c)
    }
    return true
  }

  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? { at + ahead < scalars.count ? scalars[at + ahead] : nil }

  private mutating func take(while accepted: (Unicode.Scalar) -> Bool) -> String {
    var text = String.UnicodeScalarView()
    while let c = peek(), accepted(c) {
      text.append(c)
      at += 1
    }
    return String(text)
  }

  private static func isDigit(_ c: Unicode.Scalar) -> Bool { ("0"..."9").contains(c) }
  private static func isWord(_ c: Unicode.Scalar) -> Bool { isDigit(c) || ("a"..."z").contains(c) || ("A"..."Z").contains(c) || c == "_" }

  /// `15`, `12.5`, `5m`, `06:00`.
  private mutating func readNumber() throws(LanguageFault) {
    let start = at
    var text = take(while: Self.isDigit)
    if peek() == ":" {
      at += 1
      let minutes = take(while: Self.isDigit)
      guard text.utf8.count <= 2, minutes.utf8.count == 2, let hour = Int(text), let minute = Int(minutes), hour < 24, minute < 60 else {
        throw LanguageFault(offset: start, message: "\(text):\(minutes) is no time of day: write 00:00 to 23:59")
      }
      return tokens.append(Token(kind: .timeOfDay(hour * 60 + minute), offset: start))
    }
    if peek() == ".", let next = peek(1), Self.isDigit(next) {
      at += 1
      text += "." + take(while: Self.isDigit)
    }
    let unit = take(while: Self.isWord)
    if unit.isEmpty {
      guard let number = Double(text), number.isFinite else {
        throw LanguageFault(offset: start, message: "\(text.prefix(20))… is too large")
      }
      tokens.append(Token(kind: .number(number), offset: start))
    } else {
      guard let length = DurationText.milliseconds(text + unit) else {
        throw LanguageFault(offset: start, message: "\((text + unit).prefix(40)) is no duration: write 30s, 5m, 1h or 1d")
      }
      tokens.append(Token(kind: .duration(length), offset: start))
    }
  }

  private mutating func readText(quote: Unicode.Scalar) throws(LanguageFault) {
    let start = at
    at += 1
    let text = take { $0 != quote }
    guard peek() != nil else { throw LanguageFault(offset: start, message: "a text without its closing \(quote)") }
    at += 1
    tokens.append(Token(kind: .text(text), offset: start))
  }

  private mutating func readSymbol(_ c: Unicode.Scalar) throws(LanguageFault) {
    let start = at
    let pair = peek(1).map { String(String.UnicodeScalarView([c, $0])) } ?? ""
    if let taught = Self.foreign[pair] ?? (["<=", ">=", "==", "!="].contains(pair) ? nil : Self.foreign[String(c)]) {
      throw LanguageFault(offset: start, message: taught)
    }
    let symbol: String
    if ["<=", ">=", "==", "!="].contains(pair) {
      symbol = pair
    } else if "()+-*/<>,.".unicodeScalars.contains(c) {
      symbol = String(c)
    } else {
      throw LanguageFault(offset: start, message: "\"\(c)\" has no meaning here")
    }
    at += symbol.unicodeScalars.count
    tokens.append(Token(kind: .symbol(symbol), offset: start))
  }

  /// What people bring along from other languages.
  private static let foreign: [String: String] = [
    "&&": "write \"and\", not &&", "||": "write \"or\", not ||", "<>": "write !=, not <>", "=": "write == to compare",
    "!": "write \"not\", not !", "≤": "write <=, not ≤", "≥": "write >=, not ≥", "≠": "write !=, not ≠", "&": "write \"and\", not &",
    "|": "write \"or\", not |", "[": "write a window as an argument: mean(speed, 5m)", "×": "write *, not ×", "÷": "write /, not ÷",
  ]
}
