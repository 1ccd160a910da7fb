import Database
import Foundation
import Gateway
import Outbox
import Readings
import Simulation
import TestSupport
import Testing

@Suite struct RecordingTests {
  private func topic(_ device: Int) -> String { "thuong/v1/bac-giang/traffic/\(TestTown.devices[device])/telemetry" }

  /// Records the town's gateway into `file` while `body` runs.
  private func recording(
    _ town: TestTown, _ console: RunningConsole, to file: URL, _ body: () async throws -> Void
  ) async throws -> Int {
    let directory = town.folder.appendingPathComponent("var").path
    var found: ControlClient?
    try await eventually("the socket listens") {
      found = ControlClient(directory: directory)
      return found != nil
    }
    let client = try #require(found)
    let trace = try TraceRecording(file: file)
    nonisolated(unsafe) let written = trace  // the thread's alone until it has ended
    // On a thread of its own: the gateway works on those of the tests.
    let (ends, end) = AsyncStream.makeStream(of: Result<Void, any Error>.self)
    Thread.detachNewThread { end.yield(Result { try client.record { try written.append($0) } }) }
    let outcome: Result<Void, any Error>
    do {
      try await eventually("the recording is on") { await console.gateway.writer.isRecording }
      outcome = .success(try await body())
    } catch {
      outcome = .failure(error)
    }
    client.stop()
    for await result in ends {
      try result.get()
      break
    }
    try outcome.get()
    try trace.close()
    return trace.lineCount
  }

  /// The bodies of all events that the trace makes in an empty store, and how often something of a message was rejected.
  private func replay(_ trace: URL, _ town: TestTown) throws -> (told: [[UInt8]], rejected: Int64) {
    let configuration = try ConfigurationFile.load(town.configuration, environment: [:])
    let files = try GatewayFiles.load(configuration)
    let store = try GatewayStore(directory: town.folder.appendingPathComponent("again").path, durability: .normal, sinks: [])
    let engine = try store.openEngine(registry: files.registry, book: files.book, settings: files.settings(configuration))
    var bodies: [[UInt8]] = []
    let replay = TraceReplay(engine: engine, store: store, configuration: configuration, batch: 7)
    try replay.run(try TraceReader(files: [trace])) { bodies.append($0.body) }
    let counters = replay.engine.counters
    return (bodies, (counters.messagesRejected + counters.readingsRejected).reduce(0, +))
  }

  /// The bodies of all events that wait for the town's sink.
  private func told(_ town: TestTown) throws -> [[UInt8]] {
    let reader = try StoreReader(directory: town.folder.appendingPathComponent("var").path)
    return try reader.read { db in try OutboxTable.waiting(sink: "ioc", after: 0, limit: 1000, in: db).deliveries.map(\.body) }
  }

  @Test func `what a gateway took in from the start, replayed into an empty store, tells the same events byte for byte`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    let town = try TestTown(broker: broker.port, sink: PrivateBroker.freePort())
    let file = town.folder.appendingPathComponent("trace.ndjson.zst")
    var told: [[UInt8]] = []
    try await RunningConsole.run(town) { console in
      let lines = try await recording(town, console, to: file) {
        try await console.waitUntilReady()
        // Raised, a payload that is no JSON, one without ts, raised again elsewhere, acknowledged, cleared.
        try await broker.publish([
          (topic(0), #"{"values":{"speed":5}}"#), (topic(0), "no json"), (topic(1), #"{"values":{"speed":4, "occupancy": 1.5}}"#),
          (topic(2), "{\"values\":\n{\"speed\":3}}"),
        ])
        try await console.settle(messages: 4)
        let alert = try #require(try await console.get("/api/v1/alerts").items.first?["id"] as? String)
        #expect(try await console.post("/api/v1/alerts/\(alert)/ack", #"{"by":"Lan"}"#).status == 200)
        try await broker.publish([(topic(0), #"{"values":{"speed":50}}"#)])
        try await console.settle(messages: 5)
        told = try self.told(town)
      }
      #expect(lines >= 7, "the state of the intake, five messages and the command")
    }
    #expect(told.count >= 5)
    #expect(try replay(file, town).told == told)
  }

  /// A pending that goes on, an alert whose rule goes, a rule and a device that come, a new order: all within one trace.
  @Test func `a trace across reloads of rules and devices, replayed into an empty store, tells the same events byte for byte`() async throws
  {
    let broker = try PrivateBroker()
    try broker.start()
    let town = try TestTown(broker: broker.port, sink: PrivateBroker.freePort())
    try town.write(rules: SlowRule.text + Self.held)
    try town.write(devices: Self.devices())
    let file = town.folder.appendingPathComponent("trace.ndjson.gz")
    let begun = Int64(Date().timeIntervalSince1970 * 1000)
    var told: [[UInt8]] = []
    try await RunningConsole.run(town) { console in
      let lines = try await recording(town, console, to: file) {
        try await console.waitUntilReady()
        try await broker.publish([(topic(0), #"{"values":{"speed":5}}"#), (topic(1), Self.busy(at: begun - 120_000))])
        try await console.settle(messages: 2)
        try town.write(rules: Self.head + Self.held + FastRule.entry)
        try town.write(devices: Self.devices(without: 2, with: "new-1"))
        #expect(try await console.post("/api/v1/rules/reload").status == 200)
        try await broker.publish([
          (topic(1), Self.busy(at: begun - 30_000)), (topic(2), #"{"values":{"speed":5}}"#),
          ("thuong/v1/bac-giang/traffic/new-1/telemetry", #"{"values":{"speed":95}}"#),
        ])
        try await console.settle(messages: 5)
        try town.write(rules: SlowRule.text + Self.held + FastRule.entry)
        #expect(try await console.post("/api/v1/rules/reload").status == 200)
        let alerts = try await console.get("/api/v1/alerts?state=raised").items
        let id = try #require(alerts.first { ($0["device"] as? String) == "new-1" }?["id"] as? String)
        #expect(try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":"Lan"}"#).status == 200)
        try await broker.publish([(topic(0), #"{"values":{"speed":4}}"#)])
        try await console.settle(messages: 6)
        told = try self.told(town)
      }
      #expect(lines >= 10)
    }
    let text = told.map { String(decoding: $0, as: UTF8.self) }
    #expect(text.count { $0.contains("alert.raised") } == 4 && text.count { $0.contains("alert.cleared") } == 1, "\(text)")
    #expect(text.contains { $0.contains(#""id":"held""#) && $0.contains("raised") }, "the pending went on across the reload")
    try town.write(rules: SlowRule.text + Self.held)
    try town.write(devices: Self.devices())
    #expect(try replay(file, town).told == told)
  }

  private static let head = "rules:\n"
  private static let held = """
      - id: held
        name: {vi: "Đông", en: "Busy"}
        where: {domain: traffic}
        when: last(occupancy) > 60
        hold: 60s
        severity: minor
        message: {vi: "{last(occupancy)}", en: "{last(occupancy)}"}

    """
  /// It rings at the first tick.
  private static let always = """
      - id: always
        name: {vi: "Luôn", en: "Always"}
        where: {domain: traffic}
        when: between(06:00, 22:00)
        severity: minor
        message: {vi: "{device.name}", en: "{device.name}"}

    """

  private static func busy(at ts: Int64) -> String { "{\"ts\":\(ts),\"values\":{\"occupancy\":70}}" }

  /// The town's, without one of them, and perhaps with another.
  private static func devices(without place: Int? = nil, with id: String? = nil) -> String {
    let ids = TestTown.devices.enumerated().filter { $0.offset != place }.map(\.element) + (id.map { [$0] } ?? [])
    return "devices:\n" + ids.map { "  - {id: \($0), profile: traffic-radar, name: \($0), site: bac-giang}\n" }.joined()
  }

  /// At 07:27 on the clock of the first message a tick runs, by the new rules alone.
  @Test func `on the senders' clock a reload from before the first message is in the trace, which tells the same events byte for byte`()
    async throws
  {
    let broker = try PrivateBroker()
    try broker.start()
    let town = try TestTown(broker: broker.port, sink: PrivateBroker.freePort(), clock: "sender")
    let rules = SlowRule.text + Self.always
    try town.write(rules: rules)
    try town.write(devices: Self.devices())
    let file = town.folder.appendingPathComponent("trace.ndjson")
    var told: [[UInt8]] = []
    try await RunningConsole.run(town) { console in
      let lines = try await recording(town, console, to: file) {
        try await eventually("the intake is up") { await console.gateway.writer.status().intake == "up" }
        try town.write(rules: FastRule.text)
        try town.write(devices: Self.devices(without: 2, with: "new-1"))
        #expect(try await console.post("/api/v1/rules/reload").status == 200)
        try await broker.publish(
          [("thuong/v1/bac-giang/traffic/new-1/telemetry", #"{"values":{"speed":95}}"#), (topic(0), #"{"values":{"speed":5}}"#)],
          at: 1_763_684_820_000)
        try await console.settle(messages: 2)
        told = try self.told(town)
      }
      #expect(lines >= 3, "the reload and two messages")
    }
    #expect(told.count == 1 && String(decoding: told.first ?? [], as: UTF8.self).contains("bac-giang/traffic/new-1"))
    let first = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").first ?? ""
    #expect(first.hasPrefix(#"{"at":1763684820000,"command":{"rules":"reloaded""#), "\(first.prefix(200))")
    try town.write(rules: rules)
    try town.write(devices: Self.devices())
    #expect(try replay(file, town).told == told)
  }

  /// Sixty more devices leave room for sixty days of readings.
  @Test func `what a reload makes too old is too old in the replay of its trace`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    let kept = ", max_size: 64MB, retention: {raw: 400d, 15m: 400d, 1h: 400d, 1d: 400d}"
    let town = try TestTown(broker: broker.port, sink: PrivateBroker.freePort(), data: kept)
    try town.write(devices: Self.devices())
    let file = town.folder.appendingPathComponent("trace.ndjson")
    let day: Int64 = 86_400_000
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    let old = { (days: Int64) in #"{"ts":\#(now - days * day),"values":{"speed":50}}"# }
    var rejected = 0.0
    try await RunningConsole.run(town) { console in
      _ = try await recording(town, console, to: file) {
        try await console.waitUntilReady()
        try await broker.publish([(topic(0), old(200))])
        try await console.settle(messages: 1)
        #expect(try await console.rejections() == 0)
        let more = (0..<60).map { "  - {id: more-\($0), profile: traffic-radar, name: More, site: bac-giang}\n" }.joined()
        try town.write(devices: Self.devices() + more)
        #expect(try await console.post("/api/v1/rules/reload").status == 200)
        try await broker.publish([(topic(0), old(199)), (topic(0), old(50))])
        try await console.settle(messages: 3)
        rejected = try await console.rejections()
      }
    }
    try town.write(devices: Self.devices())
    #expect(rejected == 1)
    #expect(try Double(replay(file, town).rejected) == rejected)
  }

  @Test func `a second recording is told that one runs, and the first goes on`() async throws {
    let town = try TestTown(broker: PrivateBroker.freePort())
    try await RunningConsole.run(town) { console in
      let lines = try await recording(town, console, to: town.folder.appendingPathComponent("a.ndjson")) {
        await #expect { try await console.gateway.writer.begin(InputRecording()) } throws: { ($0 as? ControlProblem)?.kind == .busy }
        #expect(await console.gateway.writer.isRecording)
      }
      #expect(lines >= 1)
    }
  }

  @Test func `commands from before the first input stand with its instant, in order, and count for the bound`() {
    let at = Timestamp(milliseconds: 1_763_683_200_000)
    let recording = InputRecording(bytesMax: 1000)
    for name in ["a", "b"] { recording.command(Array("{\"x\":\"\(name)\"}".utf8), at: nil) }
    #expect(recording.take().lines.isEmpty && recording.count == 0)
    recording.intake(isUp: true, at: at)
    #expect(
      String(decoding: recording.take().lines, as: UTF8.self) == """
        {"at":1763683200000,"command":{"x":"a"}}
        {"at":1763683200000,"command":{"x":"b"}}
        {"at":1763683200000,"intake":"up"}

        """)
    recording.command(Array(repeating: 0x20, count: 1001), at: nil)
    #expect(recording.take().end == .behind)
  }

  @Test func `a reader that falls behind ends the recording, and nothing else`() throws {
    let recording = InputRecording(bytesMax: 1000)
    let at = Timestamp(milliseconds: 1_763_683_200_000)
    recording.clock(at: at)
    #expect(String(decoding: recording.take().lines, as: UTF8.self) == "{\"at\":1763683200000}\n")
    Array("t/x".utf8).withUnsafeBytes { topic in
      Array("ab".utf8).withUnsafeBytes { payload in
        recording.message(topic: topic, payload: payload, retain: true, at: at)
        recording.intake(isUp: false, at: at)
        recording.command(Array(#"{"clock":"trusted"}"#.utf8), at: at)
        #expect(
          String(decoding: recording.take().lines, as: UTF8.self) == """
            {"at":1763683200000,"topic":"t/x","retain":true,"base64":"YWI="}
            {"at":1763683200000,"intake":"down"}
            {"at":1763683200000,"command":{"clock":"trusted"}}

            """)
        for _ in 0..<100 { recording.message(topic: topic, payload: payload, retain: false, at: at) }
      }
    }
    let (lines, end) = recording.take()
    #expect(end == .behind && lines.isEmpty)
    recording.stop()
    #expect(recording.take().end == .behind, "why it ended first")
  }
}

extension RunningConsole {
  /// How often something of a message was rejected.
  fileprivate func rejections() async throws -> Double {
    try await samples().filter { $0.key.hasPrefix("thuong_messages_rejected_total") || $0.key.hasPrefix("thuong_readings_rejected_total") }
      .values.reduce(0, +)
  }
}
