/// RFC 8259 once more, as plainly as it can be written: what our parsers are compared with. Keys may repeat and keep their order.
package indirect enum ReferenceJSON {
  case object([(key: String, value: ReferenceJSON)])
  case array([ReferenceJSON])
  case string(String)
  /// As it stands in the text.
  case number(String)
  case bool(Bool)
  case null

  /// Containers within each other, at most: deeper text is read as none.
  package static let nestingMax = 40

  /// How many containers the deepest element stands in below this value; a container that is empty counts as its own element.
  package var depth: Int {
    switch self {
    case .object(let fields): fields.isEmpty ? 0 : 1 + (fields.map(\.value.depth).max() ?? 0)
    case .array(let elements): elements.isEmpty ? 0 : 1 + (elements.map(\.depth).max() ?? 0)
    default: 0
    }
  }

  /// nil for what is no JSON text.
  package static func read(_ bytes: [UInt8]) -> ReferenceJSON? {
    guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
    var reader = Reader(bytes: bytes)
    reader.space()
    guard let value = reader.value() else { return nil }
    reader.space()
    return reader.at == bytes.count ? value : nil
  }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0
    var nesting = 0
    var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func space() { while let c = next, c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d { at += 1 } }

    mutating func skip(_ c: Character) -> Bool {
      guard next == c.asciiValue else { return false }
      at += 1
      return true
    }

    mutating func word(_ text: String) -> Bool {
      for c in text { guard skip(c) else { return false } }
      return true
    }

    mutating func value() -> ReferenceJSON? {
      switch next {
      case 0x7b: return nested { $0.object() }
      case 0x5b: return nested { $0.array() }
      case 0x22: return string().map { .string($0) }
      case 0x74: return word("true") ? .bool(true) : nil
      case 0x66: return word("false") ? .bool(false) : nil
      case 0x6e: return word("null") ? .null : nil
      default: return number()
      }
    }

    mutating func nested(_ read: (inout Reader) -> ReferenceJSON?) -> ReferenceJSON? {
      nesting += 1
      defer { nesting -= 1 }
      return nesting > ReferenceJSON.nestingMax ? nil : read(&self)
    }

    mutating func object() -> ReferenceJSON? {
      var fields: [(key: String, value: ReferenceJSON)] = []
      at += 1
      space()
      if skip("}") { return .object(fields) }
      repeat {
        space()
        guard next == 0x22, let key = string() else { return nil }
        space()
        guard skip(":") else { return nil }
        space()
        guard let value = value() else { return nil }
        fields.append((key, value))
        space()
      } while skip(",")
      return skip("}") ? .object(fields) : nil
    }

    mutating func array() -> ReferenceJSON? {
      var elements: [ReferenceJSON] = []
      at += 1
      space()
      if skip("]") { return .array(elements) }
      repeat {
        space()
        guard let value = value() else { return nil }
        elements.append(value)
        space()
      } while skip(",")
      return skip("]") ? .array(elements) : nil
    }

    mutating func string() -> String? {
      var units: [UInt8] = []
      at += 1
      while let c = next {
        at += 1
        switch c {
        case 0x22: return String(validating: units, as: UTF8.self)
        case 0x5c:
          guard let escaped = escape() else { return nil }
          units += escaped
        case 0..<0x20: return nil
        default: units.append(c)
        }
      }
      return nil
    }

    mutating func escape() -> [UInt8]? {
      guard let c = next else { return nil }
      at += 1
      let plain: [UInt8: UInt8] = [0x22: 0x22, 0x5c: 0x5c, 0x2f: 0x2f, 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9]
      if let byte = plain[c] { return [byte] }
      guard c == 0x75, let first = hex() else { return nil }
      if (0xdc00...0xdfff).contains(first) { return nil }
      guard (0xd800...0xdbff).contains(first) else { return Unicode.Scalar(first).map { Array(String($0).utf8) } }
      guard skip("\\"), skip("u"), let second = hex(), (0xdc00...0xdfff).contains(second) else { return nil }
      return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)).map { Array(String($0).utf8) }
    }

    mutating func hex() -> UInt32? {
      var code: UInt32 = 0
      for _ in 0..<4 {
        guard let c = next, let digit = Character(Unicode.Scalar(c)).hexDigitValue, c < 0x80 else { return nil }
        code = code << 4 | UInt32(digit)
        at += 1
      }
      return code
    }

    mutating func digits() -> Int {
      let from = at
      while let c = next, (0x30...0x39).contains(c) { at += 1 }
      return at - from
    }

    mutating func number() -> ReferenceJSON? {
      let from = at
      _ = skip("-")
      if !skip("0") { guard digits() > 0 else { return nil } }
      if skip(".") { guard digits() > 0 else { return nil } }
      if next == 0x65 || next == 0x45 {
        at += 1
        if next == 0x2b || next == 0x2d { at += 1 }
        guard digits() > 0 else { return nil }
      }
      return .number(String(decoding: bytes[from..<at], as: UTF8.self))
    }
  }
}
