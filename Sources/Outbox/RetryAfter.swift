package import Readings

/// The header `Retry-After`: seconds, or an HTTP date.
package enum RetryAfter: Sendable, Equatable {
  case delay(Milliseconds)
  case at(Timestamp)

  /// No IOC can ask for more than a day.
  package static let most: Milliseconds = 86_400_000

  /// Nil for what is neither; then the usual delay counts.
  package init?(header: String) {
    if RetryAfter.isDigits(header), let seconds = Int64(header) {
      self = .delay(min(seconds, RetryAfter.most / 1000) * 1000)
      return
    }
    guard let date = RetryAfter.httpDate(header) else { return nil }
    self = .at(date)
  }

  /// Between 0 and a day.
  package func delay(from now: Timestamp) -> Milliseconds {
    switch self {
    case .delay(let delay): min(delay, RetryAfter.most)
    case .at(let time): max(0, min(time - now, RetryAfter.most))
    }
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, the form that senders must use).
  private static func httpDate(_ text: String) -> Timestamp? {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    let days = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"]  // which of them it is does not matter
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard parts.count == 6, parts[5] == "GMT", days.contains(String(parts[0])), let day = number(parts[1], digits: 2),
      let month = months.firstIndex(of: String(parts[2])), let year = number(parts[3], digits: 4), (1970...9999).contains(year),
      (1...CivilDate.days(in: month + 1, of: year)).contains(day)
    else { return nil }
    let fields = parts[4].split(separator: ":", omittingEmptySubsequences: false)
    let clock = fields.compactMap { number($0, digits: 2) }
    guard fields.count == 3, clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2]) else {
      return nil
    }
    let seconds = CivilDate.toDay(year: year, month: month + 1, day: day) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    return Timestamp(milliseconds: Int64(seconds) * 1000)
  }

  private static func number(_ text: Substring, digits: Int) -> Int? { text.utf8.count == digits && isDigits(text) ? Int(text) : nil }

  /// `Int` would take a sign as well.
  private static func isDigits(_ text: some StringProtocol) -> Bool { text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
}
