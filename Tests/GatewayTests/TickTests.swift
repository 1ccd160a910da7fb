import Gateway
import Outbox
import Readings
import Testing

/// Ticks are the whole minutes of the clock, each before any input of its instant or later.
@Suite struct TickTests {
  private static let silence = """
    rules:
      - {id: silent, where: {device: tr-1}, when: age(speed) > 90s, severity: minor}
    """

  private func speed(_ value: Int) -> String { #"{"values":{"speed":\#(value)}}"# }

  @Test func aTickRunsBeforeTheInputsOfItsInstant() throws {
    let gateway = try GatewayWorkshop(rules: Self.silence)
    gateway.send(speed(1), at: 10_000)
    gateway.send(speed(2), at: 120_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@120000", "cleared@120000"])
  }

  @Test func aTickRunsBeforeALaterInput() throws {
    let gateway = try GatewayWorkshop(rules: Self.silence)
    gateway.send(speed(1), at: 10_000)
    gateway.send(speed(2), at: 119_999)
    gateway.send(speed(3), at: 209_000)
    gateway.clock(at: 299_999)
    try gateway.commit()
    #expect(try gateway.told() == [])
    gateway.send(speed(4), at: 300_001)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@300000", "cleared@300001"])
  }

  @Test func aFirstInputOnAWholeMinuteHasItsTick() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: always, where: {device: tr-1}, when: age(speed) >= 0s, severity: minor}]")
    gateway.clock(at: 0)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@0"])
  }

  @Test func everyTickOfALongSilenceRunsAtItsOwnMinute() throws {
    let rules = """
      rules:
        - {id: a, where: {device: tr-1}, when: age(speed) > 90s, hold: 10m, severity: minor}
        - {id: b, where: {device: tr-2}, when: age(speed) > 90s, hold: 2m, clear: age(speed) < 30s, clear_hold: 2m, severity: minor}
      """
    for step in [Int64(1), 7, 60, 1000] {
      let gateway = try GatewayWorkshop(rules: rules)
      for second in stride(from: Int64(0), through: 1200, by: Int(step)) { gateway.clock(at: second * 1000) }
      gateway.clock(at: 1_200_000)
      try gateway.commit()
      #expect(try gateway.told() == ["raised@240000", "raised@720000"], "steps of \(step) s")
    }
  }

  @Test func theTicksOfOneInstantAreInOrderOfRuleAndSubject() throws {
    let rules = """
      rules:
        - {id: b, when: age(speed) > 1m, severity: minor}
        - {id: a, when: age(speed) > 1m, severity: minor}
      """
    let gateway = try GatewayWorkshop(rules: rules)
    gateway.clock(at: 0)
    gateway.clock(at: 600_000)
    try gateway.commit()
    let alerts = gateway.events.map { event in
      let text = String(decoding: event.body, as: UTF8.self)
      let rule = text.contains(#""rule":{"id":"a""#) ? "a" : "b"
      let device = ["tr-1", "tr-2", "tr-3"].first { text.contains("traffic/\($0)\"") } ?? "?"
      return "\(rule) \(device)"
    }
    #expect(alerts == ["a tr-1", "a tr-2", "a tr-3", "b tr-1", "b tr-2", "b tr-3"])
  }

  @Test func aTickIsNotRunAgainAfterARestart() throws {
    let gateway = try GatewayWorkshop(rules: Self.silence)
    gateway.send(speed(1), at: 0)
    gateway.clock(at: 120_000)
    try gateway.commit()
    try gateway.reopen()
    gateway.clock(at: 120_000)
    gateway.clock(at: 179_999)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@120000"])
  }

  @Test func timeInWhichTheIntakeWasDownMakesNobodySilent() throws {
    let gateway = try GatewayWorkshop(rules: Self.silence)
    gateway.send(speed(1), at: 0)
    gateway.engine.intake(up: false, at: GatewayWorkshop.time(30_000))
    gateway.clock(at: 3_600_000)
    try gateway.commit()
    try gateway.reopen()
    gateway.engine.intake(up: true, at: GatewayWorkshop.time(3_600_000))
    gateway.clock(at: 3_660_000)
    try gateway.commit()
    #expect(try gateway.told() == [])
    gateway.clock(at: 3_720_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@3720000"])
  }

  @Test func clockRulesHoldStillWhileTheClockIsDoubtful() throws {
    let gateway = try GatewayWorkshop(rules: Self.silence)
    gateway.send(speed(1), at: 0)
    #expect(gateway.engine.command(Array(#"{"clock":"doubtful"}"#.utf8), at: GatewayWorkshop.time(60_000)) == .done)
    gateway.clock(at: 600_000)
    try gateway.commit()
    #expect(try gateway.told() == [])
    #expect(gateway.engine.command(Array(#"{"clock":"trusted"}"#.utf8), at: GatewayWorkshop.time(630_000)) == .done)
    gateway.clock(at: 660_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@660000"])
  }

  @Test func aCommandCountsFromItsInstantAndNotForTheTicksBeforeIt() throws {
    let gateway = try GatewayWorkshop(rules: Self.silence)
    gateway.send(speed(1), at: 0)
    #expect(gateway.engine.command(Array(#"{"clock":"doubtful"}"#.utf8), at: GatewayWorkshop.time(150_000)) == .done)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@120000"])
  }
}
