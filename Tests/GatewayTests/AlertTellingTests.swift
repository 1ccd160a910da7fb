import Alerting
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import TestSupport
import Testing

/// Who is told of an alert, and when: silences, inhibition, removal.
@Suite struct AlertTellingTests {
  private func speed(_ value: Double) -> String { #"{"values":{"speed":\#(value)}}"# }
  private static let rule = "rules: [{id: r, when: last(speed) < 10, severity: major}]"

  private func until(_ at: Int64) -> String { "\"until\":\"\(GatewayWorkshop.time(at).rfc3339)\"" }

  // MARK: Silences

  @Test(arguments: ["until", "unsilence", "weekly", "escalates"]) func `What is raised while silenced is told when the silence ends`(
    _ how: String
  ) throws {
    let gateway = try GatewayWorkshop(
      rules: "rules: [{id: r, when: last(speed) < 10, severity: major, escalate: [{severity: critical, when: last(speed) < 2}]}]")
    // The workshop begins on a Friday, at seven in the morning.
    let hours = how == "weekly" ? #""weekly":{"days":["fri"],"from":"06:00","to":"07:02"},"# : ""
    let silence =
      #"{"silence":{"id":"s1","device":["tr-1"],"severity":["major"],\#(hours)\#(until(how == "until" ? 90_500 : 9_000_000))},"by":"Lan"}"#
    #expect(gateway.command(silence, at: 0) == .done)
    gateway.send(speed(5), at: 1000)
    gateway.send(speed(5), from: "tr-2", at: 2000)
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@2000 major r1"])
    try gateway.reopen()
    let alert = try #require(try gateway.alerts().first { $0.device == "tr-1" })
    #expect(alert.course.hold == .silenced && alert.revision == 0)
    switch how {
    case "unsilence": #expect(gateway.command(#"{"unsilence":"s1","by":"Lan"}"#, at: 60_000) == .done)
    case "escalates": gateway.send(speed(1), at: 60_000)
    default: gateway.clock(at: 200_000)
    }
    try gateway.commit()
    let severity = how == "escalates" ? "critical" : "major"
    #expect(gateway.alertEvents.dropFirst() == ["r raised@1000 \(severity) r1"])
    let steps = try gateway.transitions(of: alert.id)
    #expect(steps.map(\.kind) == [.raised, .silenced] + (how == "escalates" ? [.escalated] : []) + [.told])
    #expect(steps[1].detail == "s1")
    let toldAt: Int64 = how == "until" ? 90_500 : how == "weekly" ? 120_000 : 60_000
    #expect(steps.last?.detectedAt == GatewayWorkshop.time(toldAt))
    #expect(try gateway.silences().map(\.id) == (how == "until" || how == "unsilence" ? [] : ["s1"]))
  }

  @Test func `Nobody is told of the end of what nobody was told of, and who was told is told all the rest`() throws {
    let gateway = try GatewayWorkshop(rules: Self.rule)
    gateway.send(speed(5), from: "tr-2", at: 0)
    #expect(gateway.command(#"{"silence":{"id":"s1","site":["s"],\#(until(9_000_000))},"by":"Lan"}"#, at: 1000) == .done)
    gateway.send(speed(5), at: 2000)
    gateway.send(speed(50), at: 3000)
    gateway.send(speed(50), from: "tr-2", at: 4000)
    gateway.clock(at: 10_000_000)
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@0 major r1", "r cleared@4000 major r2"])
    #expect(try gateway.alerts().count == 2)
  }

  @Test(arguments: [
    (#"{"ack":"none","by":"Lan"}"#, "no alert of the id none is known"), (#"{"ack":"none"}"#, "\"by\" says who"),
    (#"{"silence":{"id":"a","until":"2030-01-01T00:00:00Z"},"by":"Lan"}"#, "it would silence every alert"),
    (#"{"silence":{"id":"a","site":["s"],"until":"2020-01-01T00:00:00Z"},"by":"Lan"}"#, "before it begins or before now"),
    (#"{"silence":{"id":"a","site":["x"],"until":"2030-01-01T00:00:00Z"},"by":"Lan"}"#, "nobody knows x"),
    (#"{"silence":{"id":"A","site":["s"],"until":"2030-01-01T00:00:00Z"},"by":"Lan"}"#, "lower-case letters"),
    (#"{"silence":{"id":"a","site":["s"],"until":"soon"},"by":"Lan"}"#, "\"until\" is a time"),
    (#"{"silence":{"id":"a","severity":["bad"],"until":"2030-01-01T00:00:00Z"},"by":"Lan"}"#, "a severity is"),
    (
      #"{"silence":{"id":"a","site":["s"],"until":"2030-01-01T00:00:00Z","weekly":{"days":["x"],"from":"1:00","to":"02:00"}},"by":"L"}"#,
      "mon"
    ),
    (#"{"silence":{"id":"a","colour":["s"],"until":"2030-01-01T00:00:00Z"},"by":"Lan"}"#, "\"colour\" has no place here"),
    (#"{"unsilence":"a","by":"Lan"}"#, "no silence of the id a is known"),
  ]) func `A command that is refused says why, changes nothing, and only moves the clock`(_ json: String, _ why: String) throws {
    let gateway = try GatewayWorkshop(rules: Self.rule)
    gateway.clock(at: 0)
    try gateway.commit()
    guard case .refused(let refusal) = gateway.command(json, at: 5000) else {
      Issue.record("it is not refused")
      return
    }
    #expect("\(refusal)".contains(why), "\(refusal)")
    try gateway.commit()
    try gateway.reopen()
    #expect(gateway.engine.clock == GatewayWorkshop.time(5000))
    #expect(try gateway.silences().isEmpty)
  }

  @Test func `There are at most a thousand silences, and notes of at most a thousand characters`() throws {
    let gateway = try GatewayWorkshop(rules: Self.rule)
    func silence(_ id: String, note: String = "") -> CommandOutcome {
      gateway.command(#"{"silence":{"id":"\#(id)","site":["s"],\#(until(9_000_000)),"note":"\#(note)"},"by":"Lan"}"#, at: 0)
    }
    for i in 0..<1000 { #expect(silence("s\(i)") == .done) }
    #expect(silence("more") == .refused(.tooManySilences(most: 1000)))
    #expect(silence("s7", note: String(repeating: "ơ", count: 1000)) == .done)
    guard case .refused(.malformed) = silence("s7", note: String(repeating: "ơ", count: 1001)) else {
      Issue.record("the note is too long")
      return
    }
    try gateway.commit()
    try gateway.reopen()
    gateway.clock(at: 9_000_000)
    try gateway.commit()
    #expect(try gateway.silences().isEmpty, "all are over")
  }

  // MARK: Inhibition

  private static let inhibited = """
    rules:
      - {id: a, when: last(speed) < 10, severity: major, inhibited_by: [{rule: z, same: site}]}
      - {id: z, when: last(door) == 1, hold: 1m, severity: critical}
    """

  @Test func `An alert waits thirty seconds for the rules that may inhibit it, whatever the batch`() throws {
    for ticks in [[Int64](), [30_500], [10_000, 31_000, 31_001]] {
      let gateway = try GatewayWorkshop(rules: Self.inhibited)
      gateway.send(speed(5), at: 1000)
      try gateway.commit()
      try gateway.reopen()
      #expect(gateway.engine.nextDue == GatewayWorkshop.time(31_000))
      for at in ticks { gateway.clock(at: at) }
      gateway.clock(at: 50_000)
      try gateway.commit()
      #expect(gateway.alertEvents == ["a raised@1000 major r1"])
      let alert = try #require(try gateway.alerts().first)
      #expect(try gateway.transitions(of: alert.id).last?.detectedAt == GatewayWorkshop.time(31_000))
    }
  }

  @Test func `While the named rule is pending or raised at the same site nobody is told, and afterwards who still has reason`() throws {
    let gateway = try GatewayWorkshop(rules: Self.inhibited)
    gateway.send(speed(5), at: 0)
    gateway.send(speed(5), from: "tr-3", at: 0)  // another site
    gateway.send(#"{"values":{"door":"OPEN"}}"#, from: "cab-1", at: 20_000)
    gateway.clock(at: 40_000)
    try gateway.commit()
    #expect(gateway.alertEvents == ["a raised@0 major r1"])
    #expect(try gateway.alerts().filter { $0.course.hold == .inhibited }.map(\.device) == ["tr-1"])
    try gateway.reopen()
    gateway.send(#"{"values":{"door":"OPEN"}}"#, from: "cab-1", at: 80_000)
    gateway.send(speed(5), from: "tr-2", at: 90_000)
    gateway.send(#"{"values":{"door":"CLOSED"}}"#, from: "cab-1", at: 200_000)
    gateway.send(speed(50), from: "tr-2", at: 260_000)
    try gateway.commit()
    #expect(gateway.alertEvents.dropFirst() == ["z raised@80000 critical r1", "z cleared@200000 critical r2"])
    gateway.clock(at: 379_999)
    try gateway.commit()
    #expect(gateway.alertEvents.count == 3, "a device has three intervals to be heard again")
    gateway.clock(at: 380_000)
    try gateway.commit()
    #expect(gateway.alertEvents.dropFirst(3) == ["a raised@0 major r1"])
  }

  @Test func `A whole silent town, and a cut of ten minutes, are one told alert a town at most`() throws {
    let rules = """
      rules:
        - {id: silent, when: age(speed) > 3m, severity: minor, inhibited_by: [{rule: town-silent, same: site}]}
        - {id: town-silent, where: {device: d-0000}, when: age(speed) > 2m, clear: age(speed) < 2m, clear_hold: 3m, severity: critical}
      """
    let gateway = try GatewayWorkshop(rules: rules, registry: try Self.bigTown(devices: 2000))
    func round(_ minute: Int64) {
      for device in 0..<2000 {
        gateway.send(#"{"values":{"speed":50}}"#, from: Self.name(device), at: minute * 60_000 + Int64(device) * 29)
      }
    }
    for minute in Int64(0)..<3 { round(minute) }
    gateway.engine.intake(up: false, at: GatewayWorkshop.time(180_000))
    gateway.engine.intake(up: true, at: GatewayWorkshop.time(780_000))
    try gateway.commit()
    for minute in Int64(13)..<16 { round(minute) }
    try gateway.commit()
    #expect(gateway.alertEvents == [], "a cut of ten minutes")
    gateway.clock(at: 3_600_000)
    try gateway.commit()
    for minute in Int64(60)..<75 { round(minute) }
    try gateway.commit()
    #expect(gateway.alertEvents.map { $0.prefix { $0 != "@" } } == ["town-silent raised", "town-silent cleared"])
    #expect(try gateway.alerts().count == 2001)
  }

  private static func name(_ device: Int) -> String { "d-\(String(device + 10_000).dropFirst())" }

  private static func bigTown(devices: Int) throws -> Registry {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    let rows = (0..<devices).map { "  - {id: \(name($0)), profile: radar, site: s}\n" }
    let files = [
      "profiles/radar.yaml": SimulatedTown.files["profiles/radar.yaml"] ?? "", "sites.yaml": "sites: [{id: s}]",
      "town.yaml": "devices:\n" + rows.joined(),
    ]
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }

  // MARK: What is removed or changed

  @Test func `An alert of a rule or device that is gone is cleared with that reason, and told if it was`() throws {
    for isDevice in [false, true] {
      let gateway = try GatewayWorkshop(rules: Self.rule)
      gateway.send(speed(5), at: 1000)
      gateway.clock(at: 5000)
      try gateway.commit()
      let id = try #require(gateway.engine.openAlerts.first)
      if isDevice {
        try gateway.reopen(rules: Self.rule, registry: try Self.bigTown(devices: 1))
      } else {
        try gateway.reopen(rules: "rules: []")
      }
      try gateway.commit()
      #expect(gateway.alertEvents == ["r raised@1000 major r1", "r cleared@5000 major r2"])
      let reason: AlertReason = isDevice ? .deviceRemoved : .ruleRemoved
      #expect(try gateway.transitions(of: id).last?.reason == reason)
      let end = String(decoding: gateway.events[1].body, as: UTF8.self)
      #expect(end.contains(#""device":{"id":"tr-1""#) && end.contains(#""text":"last(speed) < 10""#))
      try gateway.reopen()
      gateway.clock(at: 6000)
      try gateway.commit()
      #expect(gateway.alertEvents.count == 2, "once")
    }
  }

  @Test func `A changed condition restarts what is pending and keeps what is raised`() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, hold: 2m, severity: major}]")
    for at in [Int64(0), 60_000, 120_000] { gateway.send(speed(5), at: at) }
    for at in [Int64(60_000), 120_000] { gateway.send(speed(5), from: "tr-2", at: at) }
    try gateway.commit()
    #expect(gateway.alertEvents == ["r raised@120000 major r1"])
    try gateway.reopen(rules: "rules: [{id: r, when: last(speed) < 9, hold: 2m, severity: critical}]")
    for at in [Int64(180_000), 240_000] { gateway.send(speed(5), from: "tr-2", at: at) }
    gateway.send(speed(50), at: 240_000)
    try gateway.commit()
    #expect(gateway.alertEvents.dropFirst() == ["r cleared@240000 major r2"])
    gateway.send(speed(5), from: "tr-2", at: 300_000)
    try gateway.commit()
    #expect(gateway.alertEvents.last == "r raised@300000 critical r1")
  }
}
