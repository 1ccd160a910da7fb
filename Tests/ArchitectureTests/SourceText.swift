/// Swift source with comments and the contents of string literals blanked, line for line: what is left is code.
struct SourceText {
  private let bytes: [UInt8]
  private var at = 0
  private var code: [UInt8] = []

  static func code(of source: String) -> [String] {
    var text = SourceText(bytes: Array(source.utf8))
    while text.at < text.bytes.count { text.step() }
    return String(decoding: text.code, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var newline: UInt8 { 0x0a }

  private func stands(_ text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

  private mutating func blank(_ count: Int) {
    for _ in 0..<count where at < bytes.count {
      code.append(bytes[at] == newline ? newline : 0x20)
      at += 1
    }
  }

  private mutating func step() {
    if stands("//") {
      while at < bytes.count, bytes[at] != newline { blank(1) }
    } else if stands("/*") {
      while at < bytes.count, !stands("*/") { blank(1) }
      blank(2)
    } else if stands("\"") || stands("#\"") || stands("##\"") {
      string()
    } else {
      code.append(bytes[at])
      at += 1
    }
  }

  private mutating func string() {
    var hashes = ""
    while stands("#") {
      hashes += "#"
      blank(1)
    }
    let quotes = stands("\"\"\"") ? "\"\"\"" : "\""
    blank(quotes.count)
    while at < bytes.count, !stands(quotes + hashes) {
      if stands("\\\(hashes)(") {
        blank(1 + hashes.count)
        interpolation()
      } else {
        blank(stands("\\\(hashes)") ? 2 + hashes.count : 1)
      }
    }
    blank(quotes.count + hashes.count)
  }

  /// Its strings are strings again; its braces are balanced and blanked with it.
  private mutating func interpolation() {
    var depth = 0
    repeat {
      if stands("\"") || stands("#\"") {
        string()
        continue
      }
      if stands("(") { depth += 1 }
      if stands(")") { depth -= 1 }
      blank(1)
    } while depth > 0 && at < bytes.count
  }
}
