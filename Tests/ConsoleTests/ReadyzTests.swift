import Console
import Foundation
import Logging
import Outbox
import Readings
import Simulation
import Synchronization
import Testing

@Suite struct ReadyzTests {
  @Test func `it is degraded while there is no broker, ready once there is, degraded again when it goes`() async throws {
    let broker = try PrivateBroker()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      let before = try await console.get("/readyz", authorization: nil)
      #expect(before.status == 503)
      #expect(try before.json["status"] as? String == "degraded")
      #expect(try (before.json["problems"] as? [String])?.contains { $0.hasPrefix("intake_") } == true)
      #expect(try await console.get("/livez", authorization: nil).text == "ok\n")

      try broker.start()
      try await console.waitUntilReady()
      let json = try await console.get("/readyz", authorization: nil).json
      #expect(json["status"] as? String == "ready")
      #expect((json["problems"] as? [String])?.isEmpty == true)
      #expect(json["intake"] as? String == "up")
      #expect(Timestamp(rfc3339: try #require(json["clock"] as? String)) != nil)
      let store = try #require(json["store"] as? [String: Any])
      #expect(try #require(store["bytes"] as? Int) > 0)
      #expect(store["max"] as? Int == 20 << 30)
      #expect(store["readings"] as? Int == 0)
      #expect((json["sinks"] as? [Any])?.isEmpty == true)

      broker.stop()
      try await eventually("the lost broker is noticed") { try await console.get("/readyz").status == 503 }
    }
  }

  @Test func `a sink that said Gone is a problem until somebody resumes it`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    let ioc = try TestIOC(answer: 410)
    try await ioc.run { port in
      try await RunningConsole.run(try TestTown(broker: broker.port, sink: port)) { console in
        try await console.waitUntilReady()
        try await broker.publish([("thuong/v1/bac-giang/traffic/bg-tr-001/telemetry", #"{"values":{"speed":5}}"#)])
        try await eventually("the sink is stopped") { try await console.get("/readyz").status == 503 }
        let json = try await console.get("/readyz").json
        let sink = try #require((json["sinks"] as? [[String: Any]])?.first)
        #expect(sink["id"] as? String == "ioc")
        #expect(sink["waiting"] as? Int == 1)
        #expect(sink["stopped"] as? String != nil)
        #expect((json["problems"] as? [String])?.first?.hasPrefix("sink_stopped: ioc: ") == true)
      }
    }
  }

  private func sinkProblems(waitingFor waited: Milliseconds?, attempts: Int) -> [String] {
    let now = Timestamp(milliseconds: 1_763_683_200_000)
    let sink = SinkFigures(
      sink: "ioc", created: 9, delivered: 3, dead: 1, stopped: nil, oldestWaitingSince: waited.map { now - $0 }, attemptsOfOldest: attempts,
      lastError: "503")
    return Readiness(status: nil, sinks: [sink], behindAfter: ["ioc": 300_000], now: now).problems.filter { $0.hasPrefix("sink") }
  }

  @Test func `a sink is behind when its oldest event has waited for more than five minutes`() {
    #expect(sinkProblems(waitingFor: nil, attempts: 0).isEmpty)
    #expect(sinkProblems(waitingFor: 300_000, attempts: 2).isEmpty)
    #expect(sinkProblems(waitingFor: 300_001, attempts: 2).map { $0.prefix(26) } == ["sink_behind: ioc: 5 waiting".prefix(26)])
  }

  @Test func `a sink is failing when its oldest event was refused three times`() {
    #expect(sinkProblems(waitingFor: 1000, attempts: 2).isEmpty)
    #expect(sinkProblems(waitingFor: 1000, attempts: 3) == ["sink_failing: ioc: 5 waiting, 3 attempts failed: 503"])
  }

  @Test
  func `dead letters of the last day are a problem, beside what else is wrong with the sink, and those of a sink that is gone are not`() {
    let now = Timestamp(milliseconds: 1_763_683_200_000)
    func problems(_ dead: Int64, _ ago: Milliseconds?, stopped: String? = nil, isConfigured: Bool = true) -> [String] {
      var sink = SinkFigures(
        sink: "ioc", created: 9, delivered: 3, dead: dead, newestDeadAt: ago.map { now - $0 }, stopped: stopped, oldestWaitingSince: nil,
        attemptsOfOldest: 0, lastError: nil)
      sink.isConfigured = isConfigured
      return Readiness(status: nil, sinks: [sink], behindAfter: [:], now: now).problems.filter { $0.hasPrefix("sink") }
    }
    #expect(problems(0, nil).isEmpty && problems(0, 5).isEmpty && problems(2, nil).isEmpty && problems(2, 86_400_000).isEmpty)
    #expect(problems(2, 5, isConfigured: false).isEmpty)
    let said = problems(2, 60_000)
    #expect(said.count == 1 && said[0].hasPrefix("sink_dead_letters: ioc: 2 events are dead, the newest since 2025-11-21T06:59:00+07:00"))
    #expect(said[0].contains("thuong outbox list --state dead --sink ioc"))
    #expect(problems(2, 60_000, stopped: "HTTP 410").map { $0.prefix { $0 != ":" } } == ["sink_stopped", "sink_dead_letters"])
  }

  @Test func `a secret file that cannot be read is a problem that names the sink and the file`() {
    let problems = Readiness(
      status: nil, sinks: [], secretFaults: ["b": "/etc/b: no", "a": "/etc/a: holds no secret"], behindAfter: [:],
      now: Timestamp(milliseconds: 0)
    ).problems.dropFirst()
    #expect(
      problems.map { $0.prefix { $0 != ";" } } == ["secret_unreadable: a: /etc/a: holds no secret", "secret_unreadable: b: /etc/b: no"])
  }

  @Test func `a sink that is gone from the configuration is shown for as long as something waits for it, and is no problem`() {
    let old = SinkFigures(
      sink: "old", created: 9, delivered: 3, dead: 1, stopped: "HTTP 410", oldestWaitingSince: Timestamp(milliseconds: 0),
      attemptsOfOldest: 9, lastError: "503")
    var empty = old
    (empty.sink, empty.delivered) = ("empty", 8)
    let all = [empty, old].all(configured: ["ioc"])
    #expect(all.map(\.sink) == ["ioc", "old"] && all.map(\.isConfigured) == [true, false])
    let now = Timestamp(milliseconds: 1_763_683_200_000)
    #expect(all.map { $0.condition(now: now, behindAfter: 1) } == [.ok, .unconfigured])
    var json = JSONWriter()
    SinkDocument.write(nil, all[1], now: now, to: &json)
    #expect(String(decoding: json.bytes, as: UTF8.self).hasPrefix(#"{"id":"old","host":null,"state":"unconfigured","created":9"#))
    let problems = Readiness(status: nil, sinks: all, behindAfter: ["ioc": 300_000], now: now).problems
    #expect(problems.count == 1 && problems[0].hasPrefix("writer_silent"))
  }

  @Test func `a writer or a store that does not answer is a problem, not silence`() {
    let problems = Readiness(status: nil, sinks: nil, behindAfter: [:], now: Timestamp(milliseconds: 0)).problems
    #expect(problems.map { $0.prefix { $0 != ":" } } == ["writer_silent", "store_unreadable"])
  }
}

/// An operations centre that gives every event one answer.
struct TestIOC {
  private let centre: StandInIOC

  init(answer: Int) throws { try self.init { _ in answer } }

  /// `respond` chooses the status of each event.
  init(respond: @escaping @Sendable (ReceivedEvent) -> Int) throws {
    var logger = Logger(label: "test-ioc")
    logger.logLevel = .critical
    let secret = try #require(WebhookSecret(text: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"))
    centre = StandInIOC(
      secrets: [secret], logger: logger, wallClock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      respond: respond, handler: { _ in })
  }

  func run(_ body: (Int) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { [centre] in try await centre.run() }
      try await body(try await centre.boundPort())
      tasks.cancelAll()
    }
  }
}
