package import Readings

/// The query of one request: known keys, each once, read as what they must be.
package struct Query: Sendable {
  private var values: [String: String] = [:]

  /// Refuses a key that the route does not know, so that a misspelt one is not silently without effect.
  package init(_ pairs: [RequestTarget.Pair], known: [String]) throws(Problem) {
    for pair in pairs {
      guard known.contains(pair.key) else {
        let list = known.isEmpty ? "there are none here" : "known here: \(known.joined(separator: ", "))"
        throw .badQuery("unknown key \"\(pair.key.prefix(40))\"; \(list)")
      }
      guard values.updateValue(pair.value, forKey: pair.key) == nil else { throw .badQuery("\(pair.key) is given twice") }
    }
  }

  /// As it was given; nil where it was not.
  package subscript(_ key: String) -> String? { values[key] }

  /// How many a page holds: `usual` where it is not given.
  package func limit(most: Int, usual: Int) throws(Problem) -> Int {
    guard let text = values["limit"] else { return usual }
    guard isDigits(text), let limit = Int(text), (1...most).contains(limit) else {
      throw .badQuery("limit must be a whole number from 1 to \(most)")
    }
    return limit
  }

  /// One of the words, or nil where the key is not given.
  package func word(_ key: String, of words: [String]) throws(Problem) -> String? {
    guard let text = values[key] else { return nil }
    guard words.contains(text) else { throw .badQuery("\(key) must be \(words.joined(separator: " or "))") }
    return text
  }

  /// RFC 3339, or milliseconds since the epoch.
  package func time(_ key: String) throws(Problem) -> Timestamp? {
    guard let text = values[key] else { return nil }
    let time = isDigits(text) ? Int64(text).map(Timestamp.init(milliseconds:)) : Timestamp(rfc3339: text)
    guard let time, Timestamp.plausible.contains(time.milliseconds) else {
      throw .badQuery("\(key) must be a time such as 2025-11-21T07:32:00+07:00, or milliseconds since 1970")
    }
    return time
  }

  /// A whole number of 0 or more, or nil where the key is not given.
  package func number(_ key: String) throws(Problem) -> Int64? {
    guard let text = values[key] else { return nil }
    guard isDigits(text), let number = Int64(text) else { throw .badQuery("\(key) must be a whole number from 0") }
    return number
  }

  /// The fields of the cursor `after`, which must be one that this list gave.
  package func cursor(_ kind: Cursor.Kind) throws(Problem) -> [String]? {
    guard let text = values["after"] else { return nil }
    guard let cursor = Cursor(text: text), cursor.kind == kind else { throw .badCursor }
    return cursor.fields
  }

  private func isDigits(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 18 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }
}

extension Problem {
  static let badCursor = Problem.badQuery("after must be the \"next\" of this very list, unchanged")
}
