/// Names that someone may have meant.
package enum CloseNames {
  /// ` (did you mean speed?)`, or `; known: …`, to end a message with.
  package static func hint(for name: String, among known: some Sequence<String>) -> String {
    let known = Set(known).sorted()
    let close = known.map { ($0, distance(name, $0)) }.filter { $0.1 <= max(1, min(3, name.utf8.count / 3)) }.sorted { $0.1 < $1.1 }.prefix(
      3)
    if !close.isEmpty { return "; did you mean \(close.map(\.0).joined(separator: " or "))?" }
    if known.isEmpty { return "" }
    return "; known: \(known.prefix(12).joined(separator: ", "))\(known.count > 12 ? ", …" : "")"
  }

  /// Letters to insert, delete or replace.
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8.prefix(64)), Array(b.utf8.prefix(64)))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let replaced = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j + 1] + 1, row[j] + 1)
      }
    }
    return row[b.count]
  }
}
