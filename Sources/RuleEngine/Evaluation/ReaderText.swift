import Readings

/// Numbers and durations as people read them.
package enum ReaderText {
  /// Rounded, without needless zeros; a decimal comma in Vietnamese, a point in English.
  package static func number(_ value: Double, decimals: Int, isVietnamese: Bool) -> String {
    if value.isInfinite { return value < 0 ? "-∞" : "∞" }
    let text = JSONWriter.number(value.rounded(toDecimals: decimals))
    return isVietnamese ? text.replacing(".", with: ",") : text
  }

  /// The two largest units of a length in milliseconds: `2 giờ 5 phút`, `2 h 5 min`.
  package static func duration(_ milliseconds: Double, isVietnamese: Bool) -> String {
    guard abs(milliseconds) < 1e15 else { return milliseconds < 0 ? "-∞" : "∞" }
    let units: [(Int64, vi: String, en: String)] = [
      (86_400, "ngày", "d"), (3600, "giờ", "h"), (60, "phút", "min"), (1, "giây", "s"),
    ]
    var rest = Int64((abs(milliseconds) / 1000).rounded())
    var parts: [String] = []
    for unit in units {
      let count = rest / unit.0
      rest -= count * unit.0
      if count > 0 && parts.count < 2 { parts.append("\(count) \(isVietnamese ? unit.vi : unit.en)") } else if !parts.isEmpty { break }
    }
    let text = parts.isEmpty ? "0 \(isVietnamese ? "giây" : "s")" : parts.joined(separator: " ")
    return milliseconds < 0 && !parts.isEmpty ? "-\(text)" : text
  }
}
