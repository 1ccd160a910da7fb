/// Length of time in milliseconds.
@usableFromInline package typealias Milliseconds = Int64

/// An instant in milliseconds since 1970-01-01T00:00:00Z, as payloads, traces and the log carry it.
@usableFromInline package struct Timestamp: Hashable, Comparable, Codable, Sendable {
  @usableFromInline package var milliseconds: Int64

  @inlinable package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  @inlinable package static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
  @inlinable package static func + (a: Timestamp, b: Milliseconds) -> Timestamp { Timestamp(milliseconds: a.milliseconds &+ b) }
  @inlinable package static func - (a: Timestamp, b: Milliseconds) -> Timestamp { Timestamp(milliseconds: a.milliseconds &- b) }
  @inlinable package static func - (a: Timestamp, b: Timestamp) -> Milliseconds { a.milliseconds &- b.milliseconds }

  /// After every instant that anything names.
  package static let distantFuture = Timestamp(milliseconds: .max)

  /// What a payload may name: year 1970 to the end of year 9999. Anything else is malformed.
  package static let plausible: ClosedRange<Int64> = 0...253_402_300_799_999

  /// The first whole minute after this instant: the next tick.
  @inlinable package var nextMinute: Timestamp {
    let minute: Int64 = 60_000
    let floor = milliseconds >= 0 ? milliseconds / minute : (milliseconds - minute + 1) / minute
    return Timestamp(milliseconds: (floor + 1) * minute)
  }
}

/// Asia/Ho_Chi_Minh, the only time zone of people here: UTC+7 all year since 1975, no summer time.
package enum VietnamTime {
  package static let name = "Asia/Ho_Chi_Minh"
  package static let offset: Milliseconds = 7 * 3_600_000

  /// Minutes since midnight in Vietnam.
  package static func minuteOfDay(_ t: Timestamp) -> Int { civil(t).secondOfDay / 60 }

  /// Days since 1970-01-01, and the second of that day, in Vietnam.
  package static func civil(_ t: Timestamp) -> (day: Int, secondOfDay: Int, millisecond: Int) {
    let local = t.milliseconds + offset
    let day = local >= 0 ? local / 86_400_000 : (local - 86_399_999) / 86_400_000
    let rest = Int(local - day * 86_400_000)
    return (Int(day), rest / 1000, rest % 1000)
  }
}

extension Timestamp {
  /// RFC 3339 in Vietnam's time, `2025-11-21T07:32:00+07:00`; milliseconds only where there are any.
  package var rfc3339: String {
    let (day, second, millisecond) = VietnamTime.civil(self)
    let (year, month, dayOfMonth) = CivilDate.fromDay(day)
    var text = "\(pad(year, 4))-\(pad(month))-\(pad(dayOfMonth))T\(pad(second / 3600)):\(pad(second / 60 % 60)):\(pad(second % 60))"
    if millisecond != 0 { text += ".\(pad(millisecond, 3))" }
    return text + "+07:00"
  }

  /// In UTC, for names of files, which sort by time: `20251121T003200.000Z`.
  package var fileName: String {
    let (day, second, millisecond) = VietnamTime.civil(self - VietnamTime.offset)
    let (year, month, dayOfMonth) = CivilDate.fromDay(day)
    let time = "\(pad(second / 3600))\(pad(second / 60 % 60))\(pad(second % 60)).\(pad(millisecond, 3))"
    return "\(pad(year, 4))\(pad(month))\(pad(dayOfMonth))T\(time)Z"
  }

  /// For people: `21/11/2025 07:32`, in Vietnam's time.
  package var forReaders: String {
    let (day, second, _) = VietnamTime.civil(self)
    let (year, month, dayOfMonth) = CivilDate.fromDay(day)
    return "\(pad(dayOfMonth))/\(pad(month))/\(pad(year, 4)) \(pad(second / 3600)):\(pad(second / 60 % 60))"
  }

  /// Reads an RFC 3339 date-time (`T`, `t` or a space between date and time; any fraction, of which milliseconds are kept; `Z` or an offset).
  package init?(rfc3339 text: String) {
    var text = text
    guard let t = text.withUTF8({ Timestamp(rfc3339Bytes: $0) }) else { return nil }
    self = t
  }

  package init?(rfc3339Bytes bytes: UnsafeBufferPointer<UInt8>) {
    var scan = DigitScanner(bytes: bytes)
    guard let year = scan.number(4), scan.skip("-"), let month = scan.number(2), scan.skip("-"), let day = scan.number(2),
      scan.skip("T") || scan.skip("t") || scan.skip(" "),
      let hour = scan.number(2), scan.skip(":"), let minute = scan.number(2), scan.skip(":"), let second = scan.number(2),
      (1...12).contains(month), (1...CivilDate.days(in: month, of: year)).contains(day), hour < 24, minute < 60, second <= 60
    else { return nil }
    var millisecond = 0
    if scan.skip(".") {
      guard let fraction = scan.fractionMilliseconds() else { return nil }
      millisecond = fraction
    }
    var offsetMinutes = 0
    if !(scan.skip("Z") || scan.skip("z")) {
      let negative = scan.skip("-")
      guard negative || scan.skip("+"), let h = scan.number(2), scan.skip(":"), let m = scan.number(2), h < 24, m < 60 else { return nil }
      offsetMinutes = (negative ? -1 : 1) * (h * 60 + m)
    }
    guard scan.atEnd else { return nil }
    let seconds =
      CivilDate.toDay(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + min(second, 59) - offsetMinutes * 60
    self.init(milliseconds: Int64(seconds) * 1000 + Int64(millisecond))
  }
}

private func pad(_ n: Int, _ width: Int = 2) -> String {
  let digits = String(n)
  return digits.count < width ? String(repeating: "0", count: width - digits.count) + digits : digits
}

/// The proleptic Gregorian calendar on day numbers since 1970-01-01
/// (algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
package enum CivilDate {
  package static func toDay(year: Int, month: Int, day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  package static func fromDay(_ day: Int) -> (year: Int, month: Int, day: Int) {
    let z = day + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let mp = (5 * dayOfYear + 2) / 153
    let month = mp < 10 ? mp + 3 : mp - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * mp + 2) / 5 + 1)
  }

  package static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

private struct DigitScanner {
  let bytes: UnsafeBufferPointer<UInt8>
  var at = 0
  var atEnd: Bool { at == bytes.count }

  mutating func skip(_ c: Unicode.Scalar) -> Bool {
    guard at < bytes.count, bytes[at] == UInt8(ascii: c) else { return false }
    at += 1
    return true
  }

  mutating func digit() -> Int? {
    guard at < bytes.count, (0x30...0x39).contains(bytes[at]) else { return nil }
    at += 1
    return Int(bytes[at - 1]) - 0x30
  }

  mutating func number(_ width: Int) -> Int? {
    var n = 0
    for _ in 0..<width {
      guard let d = digit() else { return nil }
      n = n * 10 + d
    }
    return n
  }

  mutating func fractionMilliseconds() -> Int? {
    guard var n = digit() else { return nil }
    var places = 1
    while let d = digit() {
      if places < 3 { n = n * 10 + d }
      places += 1
    }
    for _ in 0..<max(0, 3 - places) { n *= 10 }
    return n
  }
}
