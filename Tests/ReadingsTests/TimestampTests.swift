import Readings
import TestSupport
import Testing

@Suite struct TimestampTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0),
    ("2025-11-21T00:00:00Z", 1_763_683_200_000),
    ("2025-11-21T07:00:00+07:00", 1_763_683_200_000),
    ("2025-11-20T19:30:00-04:30", 1_763_683_200_000),
    ("2025-11-21t00:00:00z", 1_763_683_200_000),
    ("2025-11-21 00:00:00Z", 1_763_683_200_000),
    ("2025-11-21T00:00:00.1Z", 1_763_683_200_100),
    ("2025-11-21T00:00:00.12Z", 1_763_683_200_120),
    ("2025-11-21T00:00:00.123Z", 1_763_683_200_123),
    ("2025-11-21T00:00:00.123999999Z", 1_763_683_200_123),
    ("2025-11-21T00:00:00.0009Z", 1_763_683_200_000),
    ("2024-02-29T12:00:00Z", 1_709_208_000_000),
    ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ("1969-12-31T23:59:59Z", -1000),
  ]) func aDateTimeOfTheStandardIsRead(_ text: String, _ milliseconds: Int64) {
    #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "2025", "2025-11-21", "2025-11-21T", "2025-11-21T00:00Z", "2025-11-21T00:00:00", "2025-11-21T00:00:00.Z",
    "2025-11-21T00:00:00+7:00",
    "2025-11-21T00:00:00+0700", "2025-11-21T00:00:00+07", "2025-11-21T00:00:00+24:00", "2025-11-21T00:00:00+07:60", "2025-11-21T24:00:00Z",
    "2025-11-21T00:60:00Z", "2025-11-21T00:00:61Z", "2025-00-21T00:00:00Z", "2025-13-21T00:00:00Z", "2025-11-00T00:00:00Z",
    "2025-11-31T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2025-11-21T00:00:00Zx", " 2025-11-21T00:00:00Z",
    "2025-11-21T00:00:00Z ", "+025-11-21T00:00:00Z", "20251-11-21T00:00:00Z", "2025-1-21T00:00:00Z", "2025/11/21T00:00:00Z",
    "２０２５-11-21T00:00:00Z", "2025-11-21T00:00:00,5Z", "2025-11-21T00:00:00\0Z", "2025-11-21T-1:00:00Z", "2025-11-21T00:00:00+-7:00",
  ]) func anotherTextIsNoTime(_ text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test func aLeapSecondIsTheSecondBefore() {
    #expect(Timestamp(rfc3339: "2016-12-31T23:59:60Z") == Timestamp(rfc3339: "2016-12-31T23:59:59Z"))
  }

  @Test func everyPlausibleTimeReadsBackFromItsText() {
    let seed: UInt64 = 1
    var random = SeededGenerator(seed: seed)
    // In Vietnam's time the last seven hours of 9999 are the year 10000, which the standard cannot write.
    let last = Timestamp.plausible.upperBound - VietnamTime.offset
    for _ in 0..<20_000 {
      let t = Timestamp(milliseconds: Int64.random(in: 0...last, using: &random))
      #expect(Timestamp(rfc3339: t.rfc3339) == t, "seed \(seed): \(t.milliseconds)")
    }
  }

  @Test func everyPrefixOfATimeIsNoTime() {
    let text = "2025-11-21T07:32:00.250+07:00"
    for length in 0..<text.count { #expect(Timestamp(rfc3339: String(text.prefix(length))) == nil) }
  }

  @Test func randomBytesNeverStopTheReader() {
    let seed: UInt64 = 2
    var random = SeededGenerator(seed: seed)
    let valid = Array("2025-11-21T07:32:00.250+07:00".utf8)
    for _ in 0..<20_000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
      }
      // What is still read is written and read again as the same.
      if let t = bytes.withUnsafeBufferPointer({ Timestamp(rfc3339Bytes: $0) }), t.milliseconds >= 0 {
        #expect(Timestamp(rfc3339: t.rfc3339) == t, "seed \(seed): \(bytes)")
      }
    }
  }

  @Test func millisecondsAreShownOnlyWhereThereAreAny() {
    #expect(Timestamp(milliseconds: 1_763_685_120_000).rfc3339 == "2025-11-21T07:32:00+07:00")
    #expect(Timestamp(milliseconds: 1_763_685_120_050).rfc3339 == "2025-11-21T07:32:00.050+07:00")
  }

  @Test func peopleReadDayBeforeMonth() {
    #expect(Timestamp(milliseconds: 1_763_685_120_000).forReaders == "21/11/2025 07:32")
  }

  @Test(arguments: [
    (0, 60_000), (1, 60_000), (59_999, 60_000), (60_000, 120_000), (-1, 0), (-60_000, 0), (-60_001, -60_000), (-59_999, 0),
    (1_763_683_200_000, 1_763_683_260_000),
  ]) func theNextTickIsTheFirstWholeMinuteAfterAnInstant(_ t: Int64, _ tick: Int64) {
    #expect(Timestamp(milliseconds: t).nextMinute.milliseconds == tick)
  }

  @Test func minutesOfTheDayAreVietnams() {
    #expect(VietnamTime.minuteOfDay(Timestamp(milliseconds: 0)) == 7 * 60)
    #expect(VietnamTime.minuteOfDay(Timestamp(milliseconds: -1)) == 7 * 60 - 1)
    #expect(VietnamTime.minuteOfDay(Timestamp(milliseconds: 17 * 3_600_000)) == 0)
    #expect(VietnamTime.minuteOfDay(Timestamp(milliseconds: 17 * 3_600_000 - 1)) == 1439)
  }
}
