import Gateway
import Readings
import Testing

/// The time of a reading: its own, the arrival's, or its own moved back.
@Suite struct ArrivalTimeTests {
  private let gateway: GatewayWorkshop
  init() throws { gateway = try GatewayWorkshop() }

  private func ts(_ after: Int64) -> String { String(GatewayWorkshop.start + after) }

  @Test func withoutATimeTheArrivalCountsPlusAMillisecondWhileItIsTaken() throws {
    for speed in 1...3 { gateway.send(#"{"values":{"speed":\#(speed)}}"#, at: 500) }
    gateway.send(#"{"ts":null,"values":{"volume":9}}"#, at: 500)
    gateway.send(#"{"values":{"speed":4,"volume":9}}"#, at: 500)
    gateway.send(#"[{"values":{"speed":5}},{"values":{"speed":6}}]"#, at: 501)
    try gateway.commit()
    #expect(
      try gateway.stored() == [
        "tr-1/speed@500=1", "tr-1/speed@501=2", "tr-1/speed@502=3", "tr-1/volume@500=9", "tr-1/speed@503=4", "tr-1/volume@503=9",
        "tr-1/speed@504=5",
        "tr-1/speed@505=6",
      ])
  }

  @Test func fiveMinutesAheadAreBelievedAndAMillisecondMoreIsMovedToTheArrival() throws {
    gateway.send(#"{"ts":\#(ts(300_000)),"values":{"speed":1}}"#, at: 0)
    gateway.send(#"{"ts":\#(ts(300_001)),"values":{"volume":2}}"#, at: 0)
    try gateway.commit()
    #expect(try gateway.stored() == ["tr-1/speed@300000=1", "tr-1/volume@0=2 moved"])
  }

  @Test func aWholeMessageIsMovedByOneOffset() throws {
    let objects = [Int64(3_600_000), 3_540_000, 0].map { #"{"ts":\#(ts($0)),"values":{"speed":\#($0)},"status":{"volume":"01"}}"# }
    gateway.send("[\(objects.joined(separator: ","))]", at: 0)
    try gateway.commit()
    #expect(
      try gateway.stored() == ["tr-1/speed@0=3600000 range moved", "tr-1/speed@-60000=3540000 range moved", "tr-1/speed@-3600000=0 moved"])
  }

  @Test func anObjectOfAMovedMessageThatHasNoTimeHasTheArrivals() throws {
    gateway.send(#"[{"ts":\#(ts(3_600_000)),"values":{"speed":1}},{"values":{"volume":2}}]"#, at: 0)
    try gateway.commit()
    #expect(try gateway.stored().map { $0.replacing(" moved", with: "") } == ["tr-1/speed@0=1", "tr-1/volume@0=2"])
  }

  @Test func theClockNeverGoesBack() throws {
    gateway.send(#"{"values":{"speed":1}}"#, at: 60_000)
    gateway.send(#"{"values":{"speed":2}}"#, from: "tr-2", at: 10_000)
    gateway.clock(at: 5)
    #expect(gateway.engine.clock == GatewayWorkshop.time(60_000))
    try gateway.commit()
    #expect(try gateway.stored() == ["tr-1/speed@60000=1", "tr-2/speed@60000=2"])
  }

  // MARK: A clock that cannot be believed

  /// Three devices are heard whose times are that far from the clock.
  private func hear(off: Int64, at: Int64) {
    for device in ["tr-1", "tr-2", "tr-3"] { gateway.send(#"{"ts":\#(ts(at + off)),"values":{"speed":1}}"#, from: device, at: at) }
  }

  @Test func theClockIsDoubtfulWhenHalfOfTheDevicesDisagreeTheSameWay() throws {
    hear(off: -400_000, at: 0)
    #expect(gateway.engine.isDoubtful)
    gateway.clock(at: 30_000)
    #expect(gateway.engine.isDoubtful)
    for minute in Int64(1)...5 { hear(off: 0, at: minute * 60_000) }
    #expect(!gateway.engine.isDoubtful)
  }

  @Test func disagreeingBothWaysProvesNothing() throws {
    for (i, (device, off)) in [("tr-1", -400_000), ("tr-2", 400_000), ("tr-3", 0), ("cab-1", 0)].enumerated() {
      let metric = device == "cab-1" ? "power" : "speed"
      gateway.send(#"{"ts":\#(ts(Int64(off))),"values":{"\#(metric)":1}}"#, from: device, at: Int64(i))
    }
    #expect(!gateway.engine.isDoubtful)
  }

  @Test func oneDeviceThatSpeaksManyTimesIsOneDevice() throws {
    for at in Int64(0)..<20 { gateway.send(#"{"ts":\#(ts(at + 900_000)),"values":{"speed":1}}"#, at: at) }
    #expect(!gateway.engine.isDoubtful)
  }

  @Test func whileTheClockIsDoubtfulReadingsKeepTheirTimeAndNothingIsTooOld() throws {
    hear(off: 600_000, at: 0)
    #expect(gateway.engine.isDoubtful)
    gateway.send(#"{"ts":\#(ts(900_000)),"values":{"volume":1}}"#, at: 1)
    gateway.send(#"{"ts":1000,"values":{"volume":2}}"#, at: 2)
    try gateway.commit()
    let stored = try gateway.stored()
    #expect(stored.contains("tr-1/volume@900000=1"))
    #expect(stored.contains("tr-1/volume@\(1000 - GatewayWorkshop.start)=2"))
    #expect(gateway.counters.rejectedReadings() == [:])
  }

  @Test func aClockThatIsYearsAheadOfAllDevicesIsDoubtfulAndNotEveryReadingTooOld() throws {
    for minute in Int64(0)..<3 { hear(off: -500 * 86_400_000, at: minute * 60_000) }
    #expect(gateway.engine.isDoubtful)
    #expect(gateway.counters.readingsRejected.reduce(0, +) <= 2, "only before three devices were heard")
  }

  @Test func doubtSurvivesARestart() throws {
    hear(off: -400_000, at: 0)
    try gateway.commit()
    try gateway.reopen()
    #expect(gateway.engine.isDoubtful)
    gateway.send(#"{"ts":1000,"values":{"volume":2}}"#, at: 2)
    #expect(gateway.counters.rejectedReadings() == [:])
  }

  @Test func aSteppedWallClockIsDoubtfulUntilItIsTrustedAgainAlsoAfterARestart() throws {
    gateway.clock(at: 0)
    #expect(gateway.engine.command(Array(#"{"clock": "doubtful"}"#.utf8), at: GatewayWorkshop.time(1)) == .done)
    #expect(gateway.engine.isDoubtful)
    try gateway.commit()
    try gateway.reopen()
    #expect(gateway.engine.isDoubtful)
    #expect(gateway.engine.command(Array(#"{"clock":"trusted"}"#.utf8), at: GatewayWorkshop.time(2)) == .done)
    #expect(!gateway.engine.isDoubtful)
    #expect(gateway.engine.command(Array(#"{"clock":"maybe"}"#.utf8), at: GatewayWorkshop.time(3)) == .unknown)
  }
}
