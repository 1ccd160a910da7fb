import Readings
import Testing

@Suite struct QualityTests {
  @Test func everyStatusReadsBackFromItsTextMovedOrNot() {
    for byte in UInt8(0)...100 {
      let quality = Quality(byte: byte)
      #expect(Quality(text: quality.text) == quality)
      #expect(quality.moved.text == quality.text)
      #expect(quality.moved.isMoved && !quality.isMoved)
      #expect(quality.moved.isGood == quality.isGood)
      #expect(quality.moved.moved == quality.moved)
    }
  }

  @Test func onlyMeasuringIsGood() {
    #expect((UInt8(0)...100).filter { Quality(byte: $0).isGood } == [0])
    #expect(!Quality.range.isGood)
  }

  @Test(arguments: ["", "0", "000", "0x", " 0", "0 ", "-1", "+1", "１２", "RANGE", "ranges", "1\u{301}0"])
  func anotherTextIsNoStatus(_ text: String) {
    #expect(Quality(text: text) == nil)
  }

  @Test func severitiesRiseAndReadBack() {
    #expect(Severity.allCases == Severity.allCases.sorted())
    for severity in Severity.allCases { #expect(Severity(name: severity.name) == severity) }
    #expect(Severity(name: "Major") == nil)
  }

  @Test func rejectReasonsHaveTheContractsNames() {
    #expect(
      RejectReason.allCases.map(\.name) == [
        "malformed", "too_large", "unknown_device", "wrong_topic", "unknown_metric", "not_finite", "conflict", "too_old", "retained",
        "crash",
      ])
  }
}
