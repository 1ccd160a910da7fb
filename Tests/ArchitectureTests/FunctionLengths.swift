/// Where functions begin and how long they are, by counting brackets in code.
enum FunctionLengths {
  static func of(_ code: [String]) -> [(line: Int, lines: Int)] {
    code.indices.filter { code[$0].contains(/(^|\s)(func\s+\S+\s*[(<]|init[?]?\s*[(<]|deinit\s*\{)/) }.compactMap { start in
      end(code, from: start).map { (start + 1, $0 - start + 1) }
    }
  }

  /// The line of the bracket that closes the body; nil where there is none (a requirement of a protocol, a call).
  private static func end(_ code: [String], from start: Int) -> Int? {
    var (parentheses, braces) = (0, 0)
    for number in start..<min(code.count, start + 2000) {
      for character in code[number] {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{": braces += 1
        case "}":
          braces -= 1
          if braces <= 0, parentheses == 0 { return braces == 0 ? number : nil }
        default: break
        }
      }
      let next = number + 1 < code.count ? code[number + 1].drop { $0 == " " } : ""
      let goesOn = ["->", "throws", "async", "where", "{"].contains { next.hasPrefix($0) }
      if braces == 0, parentheses == 0, !goesOn { return nil }
    }
    return nil
  }
}
