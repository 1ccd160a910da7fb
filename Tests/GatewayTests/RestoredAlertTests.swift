import Alerting
import Foundation
import Gateway
import Outbox
import Readings
import TestSupport
import Testing

/// What receivers make of alerts when the store was restored from a backup: of what was told in between it knows nothing.
@Suite struct RestoredAlertTests {
  private static let rule = """
    rules:
      - {id: r, when: last(speed) < 10, hold: 2m, severity: major, escalate: [{severity: critical, when: last(speed) < 2}]}
      - {id: q, when: last(occupancy) > 90, severity: minor}
    """

  /// A receiver as the documentation asks for: the last applied event of each alert, by revision; each id once.
  private struct Receiver {
    var bodies: [String: [UInt8]] = [:]
    var alerts: [String: AlertBody] = [:]
    /// Ids that came with other bytes.
    var contradictions: [String] = []

    mutating func take(_ event: EventRecord) {
      if let known = bodies[event.id] {
        if known != event.body { contradictions.append(event.id) }
        return
      }
      bodies[event.id] = event.body
      let body = AlertBody(event)
      guard !body.alert.isEmpty, body.revision > alerts[body.alert]?.revision ?? 0 else { return }
      alerts[body.alert] = body
    }
  }

  private func speed(_ value: Double) -> String { #"{"values":{"speed":\#(value)}}"# }

  @Test func `What ended after the backup is told again as raised, and its end reaches those who were told it before`() throws {
    let directory = try TemporaryDirectory()
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    gateway.send(speed(5), at: 0)
    try gateway.commit()
    let id = try #require(try gateway.alerts().first?.id)
    try gateway.backUp(to: "\(directory.path)/b")
    gateway.send(speed(50), at: 10_000)
    try gateway.commit()
    try gateway.restore(from: "\(directory.path)/b", at: 60_000)
    for at: Int64 in [61_000, 62_000] { #expect(gateway.command(#"{"ack":"\#(id)","by":"Lan"}"#, at: at) == .done) }
    #expect(gateway.command(#"{"close":"\#(id)","by":"Lan"}"#, at: 63_000) == .done)
    try gateway.commit()
    let first = (GatewayWorkshop.start + 60_000) / 1000 + 1
    #expect(
      gateway.alertEvents == [
        "r raised@0 major r1", "r cleared@10000 major r2", "r reminder@60000 major r\(first)", "r acknowledged@61000 major r\(first + 1)",
        "r acknowledged@62000 major r\(first + 2)", "r cleared@63000 major r\(first + 3)",
      ])
    #expect(Set(gateway.events.map(\.id)).count == gateway.events.count)
    #expect(try gateway.transitions(of: id).map(\.reason) == [.condition, .restored, .hand, .hand, .hand])
  }

  private static let seeds: ClosedRange<UInt64> = 1...24

  @Test func `Whatever was told before a restore and after it, no id has two bodies and each receiver ends with the store's state`() throws
  {
    var (restores, forgotten, reopened) = (0, 0, 0)
    for seed in Self.seeds {
      var random = SeededGenerator(seed: seed)
      let directory = try TemporaryDirectory()
      let gateway = try GatewayWorkshop(rules: Self.rule)
      var at: Int64 = 0
      try live(gateway, &at, &random)
      // The same backup is restored more than once, in part.
      for round in 1...Int.random(in: 1...2, using: &random) {
        if round == 1 { try gateway.backUp(to: "\(directory.path)/b") }
        try live(gateway, &at, &random)
        let lost = Set(try gateway.alerts().map(\.id))
        at += Int64.random(in: 1000...600_000, using: &random)
        // A machine without a clock of its own is years behind, or ahead, and right the next time.
        let walls: [Int64?] = [nil, at + 365 * 86_400_000, -365 * 86_400_000]
        try gateway.restore(from: "\(directory.path)/b", wall: walls.randomElement(using: &random) ?? nil, at: at)
        forgotten += lost.subtracting(try gateway.alerts().map(\.id)).count
        restores += 1
        if Bool.random(using: &random) { try gateway.reopen() }
        try live(gateway, &at, &random)
      }
      var receiver = Receiver()
      for event in gateway.events { receiver.take(event) }
      #expect(receiver.contradictions.isEmpty, "seed \(seed)")
      for alert in try gateway.alerts() where alert.course.isTold {
        let known = try #require(receiver.alerts[alert.id], "seed \(seed): \(alert.id) was told")
        #expect(known.state == alert.state && known.severity == alert.severity, "seed \(seed): \(alert) is known as \(known)")
        #expect(known.revision == alert.revision, "seed \(seed)")
        if known.revision > 1000 { reopened += 1 }
      }
    }
    #expect(restores > 24 && forgotten > 8 && reopened > 24, "\(restores) restores, \(forgotten) alerts forgotten, \(reopened) went on")
  }

  /// Half an hour of a town, and its operators' orders.
  private func live(_ gateway: GatewayWorkshop, _ at: inout Int64, _ random: inout SeededGenerator) throws {
    for _ in 0..<Int.random(in: 5...30, using: &random) {
      at += Int64.random(in: 1000...90_000, using: &random)
      let device = Bool.random(using: &random) ? "tr-1" : "tr-2"
      let open = try gateway.alerts().filter { $0.state == "raised" }.randomElement(using: &random)
      switch Int.random(in: 0...9, using: &random) {
      case 0...5:
        let speed = [1, 5, 50].randomElement(using: &random) ?? 5
        gateway.send(#"{"values":{"speed":\#(speed),"occupancy":\#(Bool.random(using: &random) ? 95 : 20)}}"#, from: device, at: at)
      case 6: if let open { _ = gateway.command(#"{"ack":"\#(open.id)","by":"Lan"}"#, at: at) }
      case 7: if let open { _ = gateway.command(#"{"close":"\#(open.id)","by":"Lan"}"#, at: at) }
      case 8:
        let until = GatewayWorkshop.time(at + 300_000).rfc3339
        _ = gateway.command(#"{"silence":{"id":"s","device":["\#(device)"],"until":"\#(until)"},"by":"Lan"}"#, at: at)
      default: gateway.clock(at: at)
      }
      try gateway.commit()
    }
  }
}
