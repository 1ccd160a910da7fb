package import Readings

/// The header `Retry-After`: seconds, or an HTTP date.
package enum RetryAfter: Sendable, Equatable {
  case delay(Milliseconds)
  case at(Timestamp)

  /// No IOC can ask for more than a day.
  package static let most: Milliseconds = 86_400_000

  /// Nil for what is neither; then the usual delay counts.
  package init?(header: String) {
    if let seconds = Int64(header), seconds >= 0 {
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
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard parts.count == 6, parts[5] == "GMT", parts[0].hasSuffix(","), let day = Int(parts[1]),
      let month = months.firstIndex(of: String(parts[2])), let year = Int(parts[3]), (1970...9999).contains(year),
      (1...CivilDate.days(in: month + 1, of: year)).contains(day)
    else { return nil }
    let clock = parts[4].split(separator: ":").compactMap { Int($0) }
    guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2]) else { return nil }
    let seconds = CivilDate.toDay(year: year, month: month + 1, day: day) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    return Timestamp(milliseconds: Int64(seconds) * 1000)
  }
}
