import DeviceRegistry
import Testing

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("0s", 0), ("1ms", 1), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("1.5h", 5_400_000), ("400d", 34_560_000_000),
    ("3y", 94_608_000_000),
    ("0.5s", 500), ("007s", 7000),
  ]) func aDurationIsANumberAndAUnit(_ text: String, _ milliseconds: Int64) {
    #expect(DurationText.milliseconds(text) == milliseconds)
  }

  @Test(arguments: [
    "", "5", "m", "5 m", " 5m", "5m ", "-5m", "+5m", "5M", "1h30m", "1e3s", "1.2.3s", ".s", "٥m", "5w", "inf", "nans", "99999999999999y",
  ])
  func anotherTextIsNoDuration(_ text: String) {
    #expect(DurationText.milliseconds(text) == nil)
  }

  @Test func theTextOfADurationReadsBack() {
    for n in [Int64(1), 999, 1000, 1001, 59_000, 60_000, 90_000, 3_600_000, 5_400_000, 86_400_000, 34_560_000_000] {
      #expect(DurationText.milliseconds(DurationText.text(n)) == n)
    }
    #expect(DurationText.text(300_000) == "5m")
    #expect(DurationText.text(0) == "0s")
  }
}
