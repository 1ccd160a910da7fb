import Alerting
import DeviceRegistry
import Foundation
import Gateway
import Readings
import TestSupport
import Testing

/// What could make a rule deaf, or an alert stay for ever: wrong clocks, slow clocks, changed rules, groups that are left.
@Suite struct AlertHazardTests {
  private static let hour: Int64 = 3_600_000
  private static let slow = "rules: [{id: r, when: last(speed) < 10, severity: major}]"

  private func speed(_ value: Double, ts: Int64? = nil) -> String {
    let time = ts.map { "\"ts\":\(GatewayWorkshop.start + $0)," } ?? ""
    return "{\(time)\"values\":{\"speed\":\(value)}}"
  }

  private static func town(_ profile: String, wards: String = "wards: []", devices: String) throws -> Registry {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    let files = ["profiles/p.yaml": profile, "sites.yaml": "sites: [{id: s}]", "wards.yaml": wards, "town.yaml": "devices:\n\(devices)"]
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }

  @Test(arguments: [false, true]) func `An alert that is closed while the clock is seven hours ahead does not make its rule deaf`(
    _ isRestarted: Bool
  ) throws {
    let gateway = try GatewayWorkshop(rules: Self.slow)
    gateway.send(speed(5), at: 0)
    try gateway.commit()
    let id = try #require(gateway.engine.openAlerts.first)
    #expect(gateway.command(#"{"clock":"doubtful"}"#, at: 7 * Self.hour) == .done)
    #expect(gateway.command(#"{"close":"\#(id)","by":"Lan"}"#, at: 7 * Self.hour + 1000) == .done)
    try gateway.commit()
    if isRestarted { try gateway.reopen() }
    gateway.send(speed(5, ts: 60_000), at: 7 * Self.hour + 2000)
    try gateway.commit()
    #expect(gateway.alertEvents.count == 3)
    #expect(gateway.alertEvents.last?.hasPrefix("r raised@60000") == true, "\(gateway.alertEvents)")
  }

  @Test func `A silence outlives a clock that is ahead, and ends when the clock is right and it is over`() throws {
    let gateway = try GatewayWorkshop(rules: Self.slow)
    let until = GatewayWorkshop.time(2 * Self.hour).rfc3339
    #expect(gateway.command(#"{"silence":{"id":"s1","device":["tr-1"],"until":"\#(until)"},"by":"Lan"}"#, at: 0) == .done)
    gateway.send(speed(5), at: 1000)
    #expect(gateway.command(#"{"clock":"doubtful"}"#, at: Self.hour) == .done)
    gateway.clock(at: 7 * Self.hour)
    try gateway.commit()
    #expect(try gateway.silences().map(\.id) == ["s1"])
    #expect(gateway.alertEvents == [])
    try gateway.reopen()
    #expect(gateway.command(#"{"clock":"trusted"}"#, at: 7 * Self.hour + 500) == .done)
    gateway.clock(at: 7 * Self.hour + 1000)
    try gateway.commit()
    #expect(try gateway.silences().isEmpty)
    #expect(gateway.alertEvents == ["r raised@1000 major r1"])
  }

  @Test func `Of the reminders of three days without a gateway one is told`() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major, remind: 30m}]")
    gateway.send(speed(5), at: 0)
    gateway.clock(at: Self.hour)
    try gateway.commit()
    gateway.engine.intake(up: false, at: GatewayWorkshop.time(Self.hour))
    gateway.clock(at: 72 * Self.hour + 1000)
    try gateway.commit()
    #expect(gateway.alertEvents.map { $0.contains("reminder") } == [false, true, true])
    #expect(gateway.alertEvents.last == "r reminder@\(72 * Self.hour) major r3")
    gateway.clock(at: 73 * Self.hour)
    try gateway.commit()
    #expect(gateway.alertEvents.count == 4, "it goes on from there")
  }

  @Test func `A device whose clock is sixteen minutes slow is told of, once and as late`() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: 'mean(speed, 3m) < 10', severity: critical}]")
    for minute in Int64(20)..<60 {
      // Two others are right, so that the clock is not doubted.
      for device in ["tr-2", "tr-3"] { gateway.send(speed(50), from: device, at: minute * 60_000) }
      for half in [Int64(0), 30_000] {
        let at = minute * 60_000 + half + 1000
        gateway.send(speed(5, ts: at - 960_000), at: at)
      }
    }
    try gateway.commit()
    #expect(gateway.alertEvents.count == 1 && gateway.alertEvents.first?.hasSuffix("critical r1 late") == true, "\(gateway.alertEvents)")
  }

  @Test func `A clock rule with a hold below a minute rings for a device that reports every ten seconds`() throws {
    let registry = try Self.town(
      "{id: meter, domain: water, interval: 10s, metrics: {flow: {unit: m3/h, resolution: 1}}}",
      devices: "  - {id: m-1, profile: meter, site: s}\n")
    let rules = """
      rules:
        - {id: quiet, when: age(flow) > 45s, hold: 30s, severity: minor, escalate: [{severity: major, when: age(flow) > 3m, hold: 30s}]}
      """
    let gateway = try GatewayWorkshop(rules: rules, registry: registry)
    gateway.send(#"{"values":{"flow":1}}"#, from: "m-1", at: 10_000)
    gateway.clock(at: 600_000)
    try gateway.commit()
    #expect(gateway.alertEvents == ["quiet raised@120000 minor r1", "quiet escalated@300000 major r2"])
  }

  @Test func `Of a changed rule what was about to clear begins anew, and what was pending stays forgotten when the rule is as it was`()
    throws
  {
    let old = "rules: [{id: r, when: last(speed) < 10, hold: 3m, clear: last(speed) > 20, clear_hold: 3m, severity: major}]"
    let new = old.replacingOccurrences(of: "> 20", with: "> 40")
    let gateway = try GatewayWorkshop(rules: old)
    for minute in Int64(0)...3 { gateway.send(speed(5), at: minute * 60_000) }
    for minute in Int64(4)...6 { gateway.send(speed(50), at: minute * 60_000) }
    for minute in Int64(5)...6 { gateway.send(speed(5), from: "tr-2", at: minute * 60_000) }
    try gateway.commit()
    try gateway.reopen(rules: new)
    gateway.clock(at: 370_000)
    try gateway.commit()
    try gateway.reopen(rules: old)
    for minute in Int64(7)...9 {
      gateway.send(speed(50), at: minute * 60_000)
      gateway.send(speed(5), from: "tr-2", at: minute * 60_000)
    }
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@180000 major r1"])
    gateway.send(speed(50), at: 600_000)
    gateway.send(speed(5), from: "tr-2", at: 600_000)
    try gateway.commit()
    #expect(gateway.alertEvents.dropFirst() == ["r cleared@600000 major r2", "r raised@600000 major r1"])
  }

  @Test func `A single good reading on each side of a long silence clears nothing`() throws {
    let gateway = try GatewayWorkshop(
      rules: "rules: [{id: r, when: last(speed) < 10, clear: last(speed) > 20, clear_hold: 30m, severity: major}]")
    gateway.send(speed(5), at: 0)
    gateway.send(speed(50), at: 60_000)
    gateway.send(speed(50), at: 3 * Self.hour)
    gateway.clock(at: 3 * Self.hour + 60_000)
    try gateway.commit()
    try gateway.reopen()
    #expect(gateway.alertEvents == ["r raised@0 major r1"])
    for minute in Int64(1)...30 { gateway.send(speed(50), at: 3 * Self.hour + minute * 60_000) }
    try gateway.commit()
    #expect(gateway.alertEvents.last == "r cleared@\(3 * Self.hour + 1_800_000) major r2")
  }

  @Test func `An alert of a ward that all devices have left ends by itself`() throws {
    let registry = try Self.town(
      "{id: radar, domain: traffic, interval: 60s, metrics: {speed: {unit: km/h, resolution: 1}}}",
      wards: """
        wards:
          - {code: "07210", valid_from: 2020-01-01, valid_to: 2025-11-21, name: Cũ}
          - {code: "07211", valid_from: 2025-11-22, name: Mới}
        """,
      devices: """
          - {id: a, profile: radar, site: s, ward: [{code: "07210", valid_from: 2020-01-01}, {code: "07211", valid_from: 2025-11-22, since: 2025-11-22}]}

        """)
    let gateway = try GatewayWorkshop(
      rules: "rules: [{id: r, for_each: ward, when: share(last(speed) < 10) > 0.5, clear: share(last(speed) < 10) < 0.1, severity: major}]",
      registry: registry)
    gateway.send(speed(5), from: "a", at: 0)
    gateway.clock(at: 18 * Self.hour)
    try gateway.commit()
    let steps = try gateway.alerts().map { try gateway.transitions(of: $0.id).map(\.reason) }
    #expect(steps.contains([.condition, .outOfScope]), "\(gateway.alertEvents)")
    #expect(gateway.alertEvents.contains { $0.hasPrefix("r cleared@") }, "\(gateway.alertEvents)")
    #expect(gateway.engine.openAlerts.count == 1, "the ward that they are in now")
  }

  @Test func `An alert of a device that the rule is no longer for says so`() throws {
    let gateway = try GatewayWorkshop(rules: Self.slow)
    gateway.send(speed(5), at: 0)
    gateway.clock(at: 1000)
    try gateway.commit()
    let id = try #require(gateway.engine.openAlerts.first)
    try gateway.reopen(rules: "rules: [{id: r, where: {site: z}, when: last(speed) < 10, severity: major}]")
    try gateway.commit()
    #expect(try gateway.transitions(of: id).last?.reason == .outOfScope)
  }

  @Test func `Who says something is named on one line, of so many characters as the bound says`() throws {
    let gateway = try GatewayWorkshop(rules: Self.slow)
    gateway.send(speed(5), at: 0)
    let id = try #require(gateway.engine.openAlerts.first)
    // One character to a reader, and a thousand to a store.
    let stacked = "a" + String(repeating: "\u{0301}", count: 1000)
    for by in [stacked, "Lan\\nroot", "Lan\\u0007"] {
      let outcome = gateway.command(#"{"ack":"\#(id)","by":"\#(by)"}"#, at: 1000)
      guard case .refused = outcome else { Issue.record("\(by.prefix(9)): \(outcome)"); continue }
    }
    guard case .refused = gateway.command(#"{"ack":"\#(id)","by":"Lan","note":"\#(stacked)"}"#, at: 1000) else {
      Issue.record("a note of a thousand marks")
      return
    }
    #expect(gateway.command(#"{"ack":"\#(id)","by":"Lan","note":"một\nhai"}"#, at: 1000) == .done)
  }
}
