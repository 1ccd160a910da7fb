import Foundation
import Readings

/// The JSON object of a request's body: known fields alone, read as what they must be.
struct JSONBody {
  private let object: [String: Any]

  /// Refuses a field that the route does not know, so that a misspelt one is not silently without effect.
  init(_ bytes: [UInt8], known: Set<String>) throws(Problem) {
    guard let object = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] else {
      throw .badBody("the body must be a JSON object")
    }
    if let key = object.keys.filter({ !known.contains($0) }).min() {
      throw .badBody("unknown field \"\(key.prefix(40))\"; known here: \(known.sorted().joined(separator: ", "))")
    }
    self.object = object
  }

  /// A text of one line that has to be there, of at most so many characters: each a Unicode scalar, since what a reader takes for one may
  /// be of any length.
  func text(_ key: String, most: Int) throws(Problem) -> String {
    guard let text = try optionalText(key, most: most), !text.isEmpty else { throw .badBody("\"\(key)\" is missing") }
    if !text.isOneLine { throw .badBody("\"\(key)\" must be a text on one line") }
    return text
  }

  func optionalText(_ key: String, most: Int) throws(Problem) -> String? {
    guard let value = object[key], !(value is NSNull) else { return nil }
    guard let text = value as? String, text.unicodeScalars.count <= most else {
      throw .badBody("\"\(key)\" must be a text of at most \(most) characters")
    }
    return text
  }

  /// All of it with this id and without these fields, as JSON with its keys in order.
  func json(with id: String, without keys: Set<String>) -> [UInt8] {
    var rest = object.filter { !keys.contains($0.key) }
    rest["id"] = id
    // What was read from JSON can be written as JSON.
    return (try? JSONSerialization.data(withJSONObject: rest, options: [.sortedKeys, .withoutEscapingSlashes])).map { [UInt8]($0) } ?? []
  }
}
