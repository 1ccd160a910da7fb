import Database
import Foundation
import GRDB
import Gateway
import Logging
import Outbox
import Readings
import Simulation
import Testing

/// `thuong outbox` and `thuong sinks` beside a running gateway and without one, and what a kill leaves of them.
@Suite struct OutboxCommandTests {
  /// The commands of one city.
  private struct Operator {
    let city: FaultCity
    var config: [String] { ["--config", "\(city.directory.path)/thuong.yaml"] }

    func callAsFunction(_ words: String) async throws -> ThuongCommand {
      try await ThuongCommand(words.split(separator: " ").map(String.init) + config)
    }

    func sink() async throws -> [String: Any] {
      let listed = try await self("sinks list --format json")
      return try #require(try JSONSerialization.jsonObject(with: Data((listed.lines.first ?? "").utf8)) as? [String: Any], "\(listed.text)")
    }

    func until<Value: Equatable>(_ key: String, _ value: Value) async throws {
      let holds = try await Bench.wait(seconds: 60, every: .milliseconds(50)) { try await sink()[key] as? Value == value }
      #expect(holds, "\(key) is \(value)")
    }
  }

  private static func city() async throws -> FaultCity {
    var plan = FaultCity.Plan()
    plan.files["Rules/traffic.yaml"] = AlertTown.slowRule
    plan.clock = "gateway"
    return try await FaultCity(plan)
  }

  private static func publish(_ city: FaultCity, _ devices: Range<Int>, speed: Int) throws {
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: city.brokerPort))
    for device in devices {
      let topic = "thuong/v1/bac-giang/traffic/\(RushHour.id(device))/telemetry"
      let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
      _ = try publisher.publish(at: now, topic: topic, payload: Array(#"{"values":{"speed":\#(speed)}}"#.utf8))
    }
    try publisher.flush(within: .seconds(10))
  }

  @Test func `dead letters, a stopped sink and a test event, beside a gateway and without one`() async throws {
    let city = try await Self.city()
    let run = Operator(city: city)
    let child = try await city.start()
    defer { child.end() }
    #expect(try await run("sinks test ioc").code == 0)
    #expect(try await run("sinks test other").code == 2)
    city.answer.change { $0 = 503 }
    let refused = try await run("sinks test ioc")
    #expect(refused.code == 6 && refused.text.contains("HTTP 503"), "\(refused.text)")

    city.answer.change { $0 = 422 }
    try Self.publish(city, 0..<3, speed: 4)
    try await run.until("dead", 3)
    let listed = try await run("outbox list --state dead --format json")
    #expect(listed.lines.count == 3, "\(listed.text)")
    let first = try #require(try JSONSerialization.jsonObject(with: Data((listed.lines.first ?? "").utf8)) as? [String: Any])
    let id = try #require(first["id"] as? String)
    #expect(await city.problems()?.contains("sink_dead_letters: ioc: 3 events are dead") == true)
    let table = try await run("sinks list")
    #expect(table.lines.first?.contains("không gửi được") == true && !table.text.contains("bị bỏ"), "\(table.text)")
    let shown = try await run("outbox show \(id.prefix(8))")
    #expect(shown.text.contains("HTTP 422") && shown.text.contains(#""type":"vn.thuong.alert.raised""#), "\(shown.text)")
    city.answer.change { $0 = 204 }
    let redriven = try await run("outbox redrive \(id.prefix(6)) --by Lan")
    #expect(redriven.code == 0, "\(redriven.text)")
    try await run.until("delivered", 1)
    let again = try await run("outbox redrive \(id)")
    #expect(again.code == 1 && again.text.contains("delivered"), "\(again.text)")
    #expect(try await run("outbox redrive none").code == 2)
    city.answer.change { $0 = 410 }
    try Self.publish(city, 3..<4, speed: 4)
    try await run.until("state", "stopped")
    #expect(try await city.stop(child) == 0)

    city.answer.change { $0 = 204 }
    #expect(try await run("sinks test ioc").code == 0, "without a gateway")
    let rest = try await run("outbox redrive --sink ioc --dead")
    #expect(rest.code == 0 && rest.text.contains("2 dead letters"), "\(rest.text)")
    let resumed = try await run("sinks resume ioc")
    #expect(resumed.code == 0 && resumed.text.contains("3 events wait") && resumed.text.contains("410"), "\(resumed.text)")
    #expect(try await run("sinks resume ioc").code == 1)
    let second = try await city.start()
    defer { second.end() }
    try await run.until("delivered", 4)
    #expect(city.told.alerts.count == 4)
  }

  @Test func `a secret that turns bad is named until it is good, stops no command that needs none, and events go on`() async throws {
    let city = try await Self.city()
    let run = Operator(city: city)
    let child = try await city.start()
    defer { child.end() }
    let file = "\(city.directory.path)/sink.secret"
    let words = [
      "alerts list", "alerts silences", "outbox list", "sinks list", "sinks test ioc", "export",
      "alerts silence --device k-1001 --for 2h --by Lan",
    ]
    let bad = Data("\(DemoGateway.secret.dropLast(9))".utf8)
    #expect(FileManager.default.createFile(atPath: "\(file).new", contents: bad, attributes: [.posixPermissions: 0o600]))
    #expect(rename("\(file).new", file) == 0)
    let isNamed = await Bench.wait(seconds: 60) {
      await city.problems()?.contains(/secret_unreadable: ioc: \S+sink\.secret:1: a secret is/) == true
    }
    #expect(isNamed)
    for command in words { #expect(try await run(command).code == 0, "\(command)") }
    try Self.publish(city, 0..<1, speed: 4)
    try await run.until("delivered", 1)
    try FileManager.default.removeItem(atPath: file)
    let isGone = await Bench.wait(seconds: 60) {
      await city.problems()?.contains(/secret_unreadable: ioc: \S+sink\.secret: No such file/) == true
    }
    #expect(isGone)
    #expect(try await city.stop(child) == 0)
    let log = try String(contentsOfFile: city.gateway.logFile, encoding: .utf8)
    #expect(log.split(separator: "\n").count { $0.contains("The sink's secrets stay as they were") } == 2, "\(log)")

    for command in words where command != "sinks test ioc" { #expect(try await run(command).code == 0, "without a gateway: \(command)") }
    for command in ["sinks test ioc", "serve", "check"] {
      let refused = try await run(command)
      #expect([1, 3].contains(refused.code) && refused.text.contains("sink.secret: No such file"), "\(command): \(refused.text)")
      #expect(!refused.text.contains(DemoGateway.secret.dropFirst(6)) && !log.contains(DemoGateway.secret.dropFirst(12)))
    }
  }

  @Test func `kills while dead letters are redriven lose none, and sequences stay without a gap`() async throws {
    let city = try await Self.city()
    let run = Operator(city: city)
    city.answer.change { $0 = 422 }
    var child = try await city.start()
    defer { child.end() }
    try Self.publish(city, 0..<60, speed: 4)
    try await run.until("dead", 60)
    var random = SeededGenerator(seed: Soak.seed)
    for kill in 0..<4 {
      async let redrive = run("outbox redrive --sink ioc --dead")
      try await Task.sleep(for: .milliseconds(random.below(250)))
      child.send(SIGKILL)
      child.wait()
      _ = try await redrive  // it may have been done, refused, or cut
      try Self.check(city, "seed \(Soak.seed), kill \(kill)")
      child = try await city.start()
    }
    city.answer.change { $0 = 204 }
    #expect(try await run("outbox redrive --sink ioc --dead").code == 0)
    try await run.until("delivered", 60)
    try Self.check(city, "in the end")
    #expect(city.told.alerts.count == 60)
    #expect(try await city.stop(child) == 0)
  }

  /// Every event has one delivery, numbered without a gap, and the figures are what the rows are.
  private static func check(_ city: FaultCity, _ place: String) throws {
    let reader = try StoreReader(directory: city.gateway.storeDirectory)
    try reader.read { db in
      let sequences = try Int64.fetchAll(db, sql: "SELECT sequence FROM delivery WHERE sink = 'ioc' ORDER BY sequence")
      let events = try Int.fetchOne(db, sql: "SELECT count(DISTINCT event) FROM delivery") ?? 0
      #expect(sequences.count >= 60 && sequences == sequences.indices.map { Int64($0) + 1 } && events == sequences.count, "\(place)")
      let counts = try Row.fetchAll(db, sql: "SELECT state, count(*) FROM delivery GROUP BY state")
      let states = Dictionary(uniqueKeysWithValues: counts.map { ($0[0] as Int64, $0[1] as Int64) })
      let figures = try #require(try OutboxTable.figures(in: db).first)
      #expect(figures.created == Int64(sequences.count) && figures.waiting == states[0] ?? 0, "\(place)")
      #expect(figures.delivered == states[1] ?? 0 && figures.dead == states[2] ?? 0, "\(place)")
    }
  }
}
