import Gateway
import Readings
import Testing

/// What the values of an accepted message become.
@Suite struct MessageValueTests {
  private let gateway: GatewayWorkshop
  init() throws { gateway = try GatewayWorkshop() }

  private func stored(_ payload: String, from device: String = "tr-1") throws -> [String] {
    gateway.send(payload, from: device, at: 0)
    try gateway.commit()
    #expect(gateway.counters.balances)
    #expect(gateway.counters.rejectedReadings() == [:] && gateway.counters.rejectedMessages() == [:])
    return try gateway.stored()
  }

  @Test func nullWhileMeasuringIsNothing() throws {
    #expect(try stored(#"{"values":{"speed":null,"volume":1},"status":"00"}"#) == ["tr-1/volume@0=1"])
    #expect(gateway.counters.readingsReceived == 1)
  }

  @Test func nullWhileMeasuringOfAMetricThatNobodyKnowsIsNothingToo() throws {
    #expect(try stored(#"{"values":{"pm25":null,"volume":1}}"#) == ["tr-1/volume@0=1"])
  }

  @Test func nullWithAnotherStatusIsStoredWithoutValue() throws {
    #expect(try stored(#"{"values":{"speed":null,"volume":null},"status":{"speed":"02","volume":"00"}}"#) == ["tr-1/speed@0 02"])
    #expect(gateway.counters.readingsStored == 1)
  }

  @Test func theSameFaultAgainIsADuplicate() throws {
    for at in [Int64(1), 2] { gateway.send(#"{"ts":1763683200000,"values":{"speed":null},"status":"02"}"#, at: at) }
    try gateway.commit()
    #expect(try gateway.stored() == ["tr-1/speed@0 02"])
    #expect(gateway.counters.readingsDuplicate == 1)
  }

  @Test func booleansAreOneAndZero() throws {
    #expect(try stored(#"{"values":{"power":true,"door":false}}"#, from: "cab-1") == ["cab-1/power@0=1", "cab-1/door@0=0"])
  }

  @Test func wordsAreTheNumbersOfTheProfile() throws {
    #expect(try stored(#"{"values":{"door":"OPEN"}}"#, from: "cab-1") == ["cab-1/door@0=1"])
    #expect(try stored(#"{"ts":1763683200001,"values":{"door":"CL\u004fSED"}}"#, from: "cab-1").last == "cab-1/door@1=0")
  }

  @Test(arguments: [("-0.1", " range"), ("0", ""), ("250", ""), ("250.1", " range"), ("1e300", " range"), ("-1e300", " range")])
  func aValueOutsideTheProfilesRangeHasThatStatus(_ value: String, _ status: String) throws {
    #expect(try stored(#"{"values":{"speed":\#(value)}}"#).first?.hasSuffix(status.isEmpty ? "=\(value)" : status) == true)
  }

  @Test func aMetricThatUsesWhatIsOverItsRangeKeepsItGood() throws {
    #expect(try stored(#"{"values":{"queue":5000}}"#) == ["tr-1/queue@0=5000"])
  }

  @Test func aStatusIsTheMessagesOrTheMetricsOwn() throws {
    #expect(
      try stored(
        #"[{"values":{"speed":1,"volume":2},"status":"01"},{"ts":1763683200005,"values":{"speed":3,"volume":4},"status":{"volume":"02"}}]"#)
        == [
          "tr-1/speed@0=1 01", "tr-1/volume@0=2 01", "tr-1/speed@5=3", "tr-1/volume@5=4 02",
        ])
  }

  @Test func anArrayIsABufferedBatchInAnyOrder() throws {
    #expect(
      try stored(
        #"[{"ts":1763683199000,"values":{"speed":2}},{"ts":1763683198000,"values":{"speed":1}},{"ts":1763683200000,"values":{"speed":3}}]"#)
        == [
          "tr-1/speed@-1000=2", "tr-1/speed@-2000=1", "tr-1/speed@0=3",
        ])
  }

  @Test func theSameMetricTwiceInOneMessageIsADuplicateOrAConflict() throws {
    gateway.send(#"{"values":{"speed":1,"speed":1,"speed":2}}"#, at: 0)
    try gateway.commit()
    #expect(try gateway.stored() == ["tr-1/speed@0=1"])
    #expect(gateway.counters.readingsDuplicate == 1)
    #expect(gateway.counters.rejectedReadings() == ["conflict": 1])
  }

  @Test func messagesWithoutReadingsAreAccepted() throws {
    #expect(try stored("[]") == [])
    #expect(try stored(#"{"values":{}}"#) == [])
    #expect(gateway.counters.messagesAccepted == 2)
    #expect(gateway.counters.readingsReceived == 0)
  }
}
