import Alerting
import Gateway
import Outbox
import Readings
import Testing

/// From the raise of an alert to its end: escalation, acknowledgement, reminders, flapping, staleness.
@Suite struct AlertCourseTests {
  private func speed(_ value: Double) -> String { #"{"values":{"speed":\#(value)}}"# }

  private func raisedAlert(_ rules: String) throws -> (gateway: GatewayWorkshop, id: String) {
    let gateway = try GatewayWorkshop(rules: rules)
    gateway.send(speed(5), at: 0)
    try gateway.commit()
    return (gateway, try #require(gateway.engine.openAlerts.first))
  }

  private static let escalating = """
    rules: [{id: r, when: last(speed) < 10, severity: minor, remind: 30m,
      escalate: [{severity: major, when: last(speed) < 6, hold: 2m}, {severity: critical, when: last(speed) < 2}]}]
    """

  @Test func `An alert escalates once the condition of a step has held, and its acknowledgement ends`() throws {
    let (gateway, id) = try raisedAlert(Self.escalating)
    #expect(gateway.command(#"{"ack":"\#(id)","by":"Lan","note":"đang xem"}"#, at: 30_000) == .done)
    gateway.send(speed(5), at: 60_000)
    try gateway.commit()
    try gateway.reopen()
    gateway.send(speed(5), at: 120_000)
    gateway.send(speed(1), at: 180_000)
    gateway.send(speed(5), at: 240_000)
    gateway.send(speed(50), at: 300_000)
    try gateway.commit()
    #expect(
      gateway.alertEvents == [
        "r raised@0 minor r1", "r acknowledged@30000 minor r2", "r escalated@120000 major r3", "r escalated@180000 critical r4",
        "r cleared@300000 critical r5",
      ])
    #expect(gateway.events.map { AlertBody($0).acknowledgedBy } == [nil, "Lan", nil, nil, nil])
    #expect(Set(gateway.events.map(\.id)).count == 5)
  }

  @Test func `A step whose condition was false or not heard of for too long begins anew`() throws {
    let (gateway, _) = try raisedAlert(Self.escalating)
    gateway.send(speed(8), at: 60_000)
    gateway.send(speed(5), at: 120_000)
    gateway.send(#"{"values":{"speed":null},"status":"02"}"#, at: 180_000)
    gateway.clock(at: 360_000)  // more than three intervals
    gateway.send(speed(5), at: 361_000)
    gateway.send(speed(5), at: 420_000)
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@0 minor r1"])
    gateway.send(speed(5), at: 481_000)
    try gateway.commit()
    #expect(gateway.alertEvents.last == "r escalated@481000 major r2")
  }

  @Test func `Reminders come while nobody has acknowledged`() throws {
    let (gateway, id) = try raisedAlert(Self.escalating)
    for minute in Int64(1)...61 { gateway.clock(at: minute * 60_000) }
    #expect(gateway.command(#"{"ack":"\#(id)","by":"Lan"}"#, at: 3_700_000) == .done)
    gateway.clock(at: 36_000_000)
    try gateway.commit()
    #expect(
      gateway.alertEvents == [
        "r raised@0 minor r1", "r reminder@1800000 minor r2", "r reminder@3600000 minor r3", "r acknowledged@3700000 minor r4",
      ])
  }

  @Test func `An alert closed by hand is over, and a condition that still holds is a new one`() throws {
    let (gateway, id) = try raisedAlert("rules: [{id: r, when: last(speed) < 10, hold: 0s, severity: minor}]")
    #expect(gateway.command(#"{"close":"\#(id)","by":"Minh","note":"bảo trì"}"#, at: 30_000) == .done)
    #expect(gateway.command(#"{"close":"\#(id)","by":"Minh"}"#, at: 31_000) == .refused(.unknownAlert(id)))
    #expect(gateway.command(#"{"ack":"\#(id)","by":"Minh"}"#, at: 31_000) == .refused(.unknownAlert(id)))
    gateway.send(speed(5), at: 60_000)
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@0 minor r1", "r cleared@30000 minor r2", "r raised@60000 minor r1"])
    let steps = try gateway.transitions(of: id)
    #expect(steps.map(\.kind) == [.raised, .closed])
    #expect(steps.last?.reason == .hand && steps.last?.detail == "bảo trì" && steps.last?.by == "Minh")
    #expect(AlertBody(gateway.events[1]).message.contains("Minh"))
    #expect(try gateway.alerts().first { $0.id == id }?.endReason == .hand)
  }

  @Test func `What flaps stays open, is told once, and ends when it has settled`() throws {
    for endsRaised in [false, true] {
      let gateway = try GatewayWorkshop(
        rules: "rules: [{id: r, when: last(speed) < 10, severity: minor, flapping: {turns: 4, within: 10m}}]")
      for i in Int64(0)..<(endsRaised ? 9 : 10) {
        gateway.send(speed(i % 2 == 0 ? 5 : 50), at: i * 60_000)
        try gateway.commit()
        if i % 3 == 0 { try gateway.reopen() }
      }
      #expect(
        gateway.alertEvents == [
          "r raised@0 minor r1", "r cleared@60000 minor r2", "r raised@120000 minor r1", "r flapping@180000 minor r2",
        ])
      gateway.clock(at: 1_139_999)
      try gateway.commit()
      #expect(gateway.alertEvents.count == 4)
      gateway.clock(at: 1_200_000)
      try gateway.commit()
      let last = try #require(try gateway.alerts().first)
      if endsRaised {
        #expect(gateway.alertEvents.count == 4 && last.state == "raised" && !last.course.isFlapping)
        gateway.send(speed(50), at: 2_400_000)
        try gateway.commit()
        #expect(gateway.alertEvents.last == "r cleared@2400000 minor r3")
      } else {
        #expect(gateway.alertEvents.dropFirst(4) == ["r cleared@1140000 minor r3"])
        #expect(last.endReason == .noTurns)
      }
    }
  }

  @Test func `A raised alert of a silent device is stale until it is heard, and not while the intake is down`() throws {
    let (gateway, id) = try raisedAlert("rules: [{id: r, when: last(speed) < 10, severity: minor}]")
    gateway.engine.intake(up: false, at: GatewayWorkshop.time(60_000))
    gateway.clock(at: 3_600_000)
    gateway.engine.intake(up: true, at: GatewayWorkshop.time(3_600_000))
    gateway.clock(at: 3_720_000)
    try gateway.commit()
    #expect(try gateway.alerts().first?.course.isStale == false)
    try gateway.reopen()
    gateway.clock(at: 3_780_000)
    try gateway.commit()
    #expect(try gateway.alerts().first?.course.isStale == true)
    try gateway.reopen()
    gateway.send(#"{"values":{"occupancy":5}}"#, at: 3_800_000)
    try gateway.commit()
    #expect(try gateway.transitions(of: id).map(\.kind) == [.raised, .stale, .fresh])
    #expect(gateway.alertEvents.count == 1)
  }
}
