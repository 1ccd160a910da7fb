import Outbox
import Readings

/// What an IOC sends as `Retry-After`: digits, or a date that is written again as it came.
final class RetryAfterHarness: Harness {
  static let name = "retry-after"

  private static let now = Timestamp(milliseconds: 1_763_684_820_000)

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: input, as: UTF8.self), let retry = RetryAfter(header: text) else { return "refused" }
    let delay = retry.delay(from: Self.now)
    try promise((0...RetryAfter.most).contains(delay), "a delay of \(delay) ms")
    switch retry {
    case .delay(let delay):
      try promise(text.utf8.allSatisfy { (0x30...0x39).contains($0) }, "seconds with something else than digits")
      try promise((0...RetryAfter.most).contains(delay), "a delay of \(delay) ms")
      return "seconds"
    case .at(let time):
      // Which day it is is not looked at, and a leap second is the next second.
      try promise(text.dropFirst(5) == Self.date(time).dropFirst(5) || text.contains(":60 "), "\(text) was read as \(Self.date(time))")
      return "date"
    }
  }

  /// RFC 9110, 5.6.7.
  private static func date(_ time: Timestamp) -> String {
    let utc = Timestamp(milliseconds: time.milliseconds - VietnamTime.offset).rfc3339
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let fields = utc.split { "-T:+".contains($0) }.map(String.init)
    return "Day, \(fields[2]) \(months[(Int(fields[1]) ?? 1) - 1]) \(fields[0]) \(fields[3]):\(fields[4]):\(fields[5].prefix(2)) GMT"
  }
}
