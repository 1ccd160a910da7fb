import Gateway
import Readings
import Testing

/// What cannot become a reading is rejected by its reason, counted, and stops nothing.
@Suite struct RejectReasonTests {
  private let gateway: GatewayWorkshop
  init() throws { gateway = try GatewayWorkshop() }

  private let good = #"{"values":{"speed":50}}"#

  /// Sends it, then a good message, commits, and says what was rejected.
  private func rejected(messages: [String: Int64] = [:], readings: [String: Int64] = [:], stored: [String]? = nil, _ send: () -> Void)
    throws
  {
    send()
    gateway.send(good, from: "tr-3", at: 900)
    try gateway.commit()
    let counters = gateway.counters
    #expect(counters.rejectedMessages() == messages)
    #expect(counters.rejectedReadings() == readings)
    #expect(counters.balances)
    let readings = try gateway.stored()
    #expect(readings.last == "tr-3/speed@900=50", "the gateway goes on")
    if let stored { #expect(Array(readings.dropLast()) == stored) }
    #expect(counters.readingsStored == Int64(readings.count))
    let before = counters
    try gateway.reopen()
    #expect(gateway.counters == before, "they go on after a restart")
  }

  @Test(arguments: [
    "", "{", "null", "[1,]", "{\"values\":{}", "{}", "{\"values\":1}", "{\"ts\":-1,\"values\":{\"speed\":1}}",
    "{\"ts\":\"noon\",\"values\":{}}", "{\"status\":\"x\",\"values\":{}}",
  ])
  func aMalformedMessage(_ payload: String) throws {
    try rejected(messages: ["malformed": 1], stored: []) { gateway.send(payload, at: 0) }
  }

  @Test func aMessageThatIsTooLargeByOneByte() throws {
    let payload = Array(good.utf8)
    let limit = payload + [UInt8](repeating: 0x20, count: (256 << 10) - payload.count)
    try rejected(messages: ["too_large": 1], stored: ["tr-1/speed@0=50"]) {
      gateway.send(limit, topic: gateway.topic("tr-1"), at: 0)
      gateway.send(limit + [0x20], topic: gateway.topic("tr-2"), at: 1)
    }
  }

  @Test func anUnknownDevice() throws {
    try rejected(messages: ["unknown_device": 1], stored: []) { gateway.send(good, from: "tr-9", at: 0) }
  }

  @Test(arguments: [
    "thuong/v1/z/traffic/tr-1/telemetry", "thuong/v1/s/lighting/tr-1/telemetry", "thuong/v1/s/traffic/tr-1/tele", "x", "",
    "thuong/v1/s/traffic//telemetry",
  ])
  func aWrongTopic(_ topic: String) throws {
    try rejected(messages: ["wrong_topic": 1], stored: []) { gateway.send(Array(good.utf8), topic: topic, at: 0) }
  }

  @Test func aDeviceThatSaysItIsAnother() throws {
    try rejected(messages: ["wrong_topic": 1], readings: ["wrong_topic": 1], stored: ["tr-1/speed@0=3", "tr-1/speed@1=4"]) {
      gateway.send(#"{"device":"tr-2","values":{"speed":1}}"#, at: 0)
      gateway.send(#"[{"device":"tr-2","values":{"speed":2}},{"device":"tr-1","values":{"speed":3}},{"values":{"speed":4}}]"#, at: 0)
    }
  }

  @Test func anUnknownMetricAlone() throws {
    try rejected(readings: ["unknown_metric": 2], stored: ["tr-1/speed@0=1", "tr-1/volume@0=2"]) {
      gateway.send(#"{"values":{"speed":1,"pm25":7,"volume":2,"":3}}"#, at: 0)
    }
  }

  @Test func aNumberBeyondEveryDoubleAlone() throws {
    try rejected(readings: ["not_finite": 2], stored: ["tr-1/volume@0=2"]) {
      gateway.send(#"{"values":{"speed":1e999,"occupancy":-1e999,"volume":2}}"#, at: 0)
    }
  }

  @Test func aConflictWithTheReadingThatWasThereFirst() throws {
    try rejected(readings: ["conflict": 2], stored: ["tr-1/speed@0=1", "tr-1/volume@0=1"]) {
      gateway.send(#"{"ts":1763683200000,"values":{"speed":1,"volume":1}}"#, at: 0)
      gateway.send(#"{"ts":1763683200000,"values":{"speed":2,"volume":1}}"#, at: 1)
      gateway.send(#"{"ts":1763683200000,"values":{"speed":1},"status":"02"}"#, at: 2)
    }
    #expect(gateway.counters.readingsDuplicate == 1)
  }

  @Test func aReadingOlderThanRawRetention() throws {
    let limit = GatewayWorkshop.start - 400 * 86_400_000
    try rejected(readings: ["too_old": 1], stored: ["tr-1/speed@-34560000000=2"]) {
      gateway.send(#"{"ts":\#(limit - 1),"values":{"speed":1}}"#, at: 0)
      gateway.send(#"{"ts":\#(limit),"values":{"speed":2}}"#, at: 0)
    }
  }

  @Test func aRetainedMessage() throws {
    try rejected(messages: ["retained": 1], stored: []) { gateway.send(good, at: 0, retain: true) }
  }

  @Test func aWordThatTheProfileDoesNotMapAndValuesThatHoldOthers() throws {
    try rejected(readings: ["malformed": 4], stored: ["cab-1/power@0=5"]) {
      gateway.send(#"{"values":{"door":"AJAR","power":5}}"#, from: "cab-1", at: 0)
      gateway.send(#"{"values":{"speed":"fast","occupancy":[1],"volume":{}}}"#, at: 0)
    }
  }

  @Test func oneBadObjectOfAnArrayAlone() throws {
    try rejected(readings: ["malformed": 4], stored: ["tr-1/speed@10=1", "tr-1/speed@20=2"]) {
      gateway.send(
        #"[{"ts":1763683200010,"values":{"speed":1}},{"ts":"x","values":{"speed":9}},{"values":7},5,{"status":"?","values":{}},{"ts":1763683200020,"values":{"speed":2}}]"#,
        at: 100)
    }
    #expect(gateway.counters.messagesAccepted == 2)
  }

  @Test func aStatusOfTheDeviceIsAcceptedRetainedOrNotAndNothingElseIs() throws {
    let topic = "thuong/v1/s/traffic/tr-1/status"
    try rejected(messages: ["malformed": 3], stored: []) {
      gateway.send(Array("online".utf8), topic: topic, at: 0, retain: true)
      gateway.send(Array("offline".utf8), topic: topic, at: 0)
      for text in ["", "Online", "{}"] { gateway.send(Array(text.utf8), topic: topic, at: 0) }
    }
    #expect(gateway.counters.messagesAccepted == 3)
  }

  @Test func countersBalanceOverEverythingAtOnce() throws {
    for (i, payload) in ["", "{", good, #"{"values":{"speed":null,"x":1}}"#, #"[{"values":{"speed":1e999}},3]"#].enumerated() {
      for device in ["tr-1", "tr-9", "cab-1"] { gateway.send(payload, from: device, at: Int64(i), retain: i == 3) }
      try gateway.commit()
      #expect(gateway.counters.balances)
    }
    #expect(gateway.counters.messagesReceived == 15)
  }
}
