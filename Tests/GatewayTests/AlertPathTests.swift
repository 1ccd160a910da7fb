import Alerting
import Gateway
import Outbox
import Readings
import Testing

/// From readings to alerts: hold in T, lateness, and what never happens.
@Suite struct AlertPathTests {
  private func speed(_ value: Double, ts: Int64) -> String { #"{"ts":\#(GatewayWorkshop.start + ts),"values":{"speed":\#(value)}}"# }

  @Test func holdCountsInTheTimeOfTheReadingsNotOfTheirArrival() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, hold: 3m, severity: major}]")
    for (ts, at) in [(0, 1000), (60_000, 70_000), (120_000, 200_000), (179_999, 201_000), (180_000, 202_000)] as [(Int64, Int64)] {
      gateway.send(speed(5, ts: ts), at: at)
    }
    gateway.send(speed(50, ts: 240_000), at: 250_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@180000", "cleared@240000"])
    let alert = try #require(try gateway.alerts().first)
    #expect(alert.breachedAt == GatewayWorkshop.time(0))
    #expect(alert.raisedAt == GatewayWorkshop.time(180_000))
    #expect(alert.clearedAt == GatewayWorkshop.time(240_000))
  }

  @Test func aBufferedBatchRaisesAsIfItHadComeOnTime() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, hold: 2m, severity: major}]")
    let objects = [0, 60_000, 120_000, 180_000].map { speed($0 < 180_000 ? 5 : 50, ts: $0) }
    gateway.send("[\(objects.joined(separator: ","))]", at: 190_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@120000", "cleared@180000"])
  }

  @Test func aPendingThatHearsNothingTrueIsDropped() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, hold: 2m, severity: major}]")
    gateway.send(speed(5, ts: 0), at: 0)
    try gateway.commit()
    #expect(try gateway.lives().count == 1)
    gateway.clock(at: 180_000)
    try gateway.commit()
    #expect(try gateway.lives().count == 1, "three intervals are not yet over")
    gateway.clock(at: 240_000)
    try gateway.commit()
    #expect(try gateway.lives().isEmpty)
    gateway.send(speed(5, ts: 241_000), at: 241_000)
    gateway.send(speed(5, ts: 301_000), at: 301_000)
    try gateway.commit()
    #expect(try gateway.told() == [], "the breach began anew")
  }

  @Test func lateReadingsEnterWindowsAndNeverRewind() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    gateway.send(speed(5, ts: 60_000), at: 60_000)
    gateway.send(speed(50, ts: 30_000), at: 61_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@60000"])
    #expect(try gateway.stored().count == 2)
  }

  /// Two metrics of one rule may come in any order of time. That raised one breach twice, with one id, and the second could not be stored.
  @Test func metricsThatOvertakeEachOtherStopNothing() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10 or last(volume) > 90, severity: major}]")
    func volume(_ value: Int, ts: Int64) -> String { #"{"ts":\#(GatewayWorkshop.start + ts),"values":{"volume":\#(value)}}"# }
    gateway.send(speed(50, ts: 10_000), at: 110_000)
    gateway.send(speed(5, ts: 100_000), at: 110_001)
    gateway.send(volume(1, ts: 50_000), at: 110_002)
    gateway.send(volume(1, ts: 100_000), at: 110_003)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@100000"])
    gateway.send(speed(50, ts: 120_000), at: 130_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@100000", "cleared@120000"])
  }

  @Test func nothingIsRaisedAgainBeforeTheEndOfTheLastAlertAlsoAfterARestart() throws {
    for reopens in [false, true] {
      let gateway = try GatewayWorkshop(
        rules: "rules: [{id: r, when: last(speed) < 10 or last(volume) > 90, clear: last(occupancy) > 1, severity: major}]")
      gateway.send(speed(5, ts: 100_000), at: 110_000)
      gateway.send(#"{"ts":\#(GatewayWorkshop.start + 100_000),"values":{"occupancy":0}}"#, at: 110_000)
      gateway.send(speed(50, ts: 120_000), at: 121_000)
      gateway.send(#"{"ts":\#(GatewayWorkshop.start + 120_000),"values":{"occupancy":2}}"#, at: 121_000)
      try gateway.commit()
      #expect(try gateway.told() == ["raised@100000", "cleared@120000"])
      if reopens { try gateway.reopen() }
      gateway.send(#"{"ts":\#(GatewayWorkshop.start + 100_000),"values":{"volume":99}}"#, at: 122_000)
      try gateway.commit()
      #expect(try gateway.told() == ["raised@100000", "cleared@120000"])
      gateway.send(#"{"ts":\#(GatewayWorkshop.start + 123_000),"values":{"volume":99}}"#, at: 123_000)
      try gateway.commit()
      #expect(try gateway.told() == ["raised@100000", "cleared@120000", "raised@123000"])
    }
  }

  @Test func calibratingAndFaultyReadingsRaiseNothing() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    for (i, status) in ["01", "02", "77"].enumerated() {
      gateway.send(#"{"values":{"speed":5},"status":"\#(status)"}"#, at: Int64(i) * 1000)
    }
    gateway.send(#"{"values":{"speed":-5}}"#, at: 9000)  // range
    try gateway.commit()
    #expect(try gateway.told() == [])
    #expect(try gateway.stored().count == 4)
  }

  /// Fifteen minutes behind the clock is not late, a millisecond more is.
  @Test func `What is late is told once it is known to last, and says so`() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    gateway.send(speed(5, ts: -900_000), at: 0)
    gateway.send(speed(5, ts: -900_001), from: "tr-2", at: 0)
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@-900000 major r1"])
    gateway.send(speed(5, ts: 10_000), from: "tr-2", at: 10_000)
    try gateway.commit()
    #expect(gateway.alertEvents.dropFirst() == ["r raised@-900001 major r1 late"])
  }

  @Test func `An alert both raised and cleared by late readings is recorded and not told`() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    gateway.send("[\(speed(5, ts: -1_800_000)),\(speed(50, ts: -1_200_000)),\(speed(50, ts: 0))]", at: 0)
    gateway.clock(at: 600_000)
    try gateway.commit()
    #expect(gateway.alertEvents == [])
    let alert = try #require(try gateway.alerts().first)
    #expect(try gateway.transitions(of: alert.id).map(\.kind) == [.raised, .late, .cleared])
    #expect(alert.revision == 0 && alert.isLate)
  }

  /// Whoever hears nothing more of it does not wait for ever.
  @Test func `Late data has ended when none has come for a minute`() throws {
    for stops in [true, false] {
      let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
      gateway.send(speed(5, ts: -1_800_000), at: 1000)
      if !stops { gateway.send(speed(5, ts: -1_700_000), at: 100_000) }
      try gateway.commit()
      try gateway.reopen()
      gateway.clock(at: 119_999)
      try gateway.commit()
      #expect(gateway.alertEvents == [])
      gateway.clock(at: 120_000)
      try gateway.commit()
      #expect(gateway.alertEvents == (stops ? ["r raised@-1800000 major r1 late"] : []))
      gateway.clock(at: 180_000)
      try gateway.commit()
      #expect(gateway.alertEvents == ["r raised@-1800000 major r1 late"])
    }
  }
}
