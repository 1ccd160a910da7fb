import Foundation
import Simulation
import Synchronization
import Testing

/// `/api/v1/sinks` and `/api/v1/outbox`: what operators see of deliveries, and do about them.
@Suite struct OutboxRouteTests {
  private static func topic(_ device: Int) -> String { "thuong/v1/bac-giang/traffic/\(TestTown.devices[device])/telemetry" }

  /// An IOC that answers as it is told to, and what it got.
  private final class Centre: Sendable {
    let answer = Mutex(204)
    let got = Mutex<[ReceivedEvent]>([])
    func respond(_ event: ReceivedEvent) -> Int {
      got.withLock { $0.append(event) }
      return answer.withLock { $0 }
    }
    func answer(_ status: Int) { answer.withLock { $0 = status } }
    func count(_ type: String) -> Int { got.withLock { $0.count { $0.type == "vn.thuong.\(type)" } } }
  }

  private func withCity(more: String = "", _ body: (RunningConsole, PrivateBroker, Centre) async throws -> Void) async throws {
    let broker = try PrivateBroker()
    try broker.start()
    let centre = Centre()
    let ioc = try TestIOC { centre.respond($0) }
    try await ioc.run { port in
      try await RunningConsole.run(try TestTown(broker: broker.port, sink: port, more: more)) { console in
        try await console.waitUntilReady()
        try await body(console, broker, centre)
      }
    }
  }

  private func sink(_ console: RunningConsole) async throws -> [String: Any] { try await console.get("/api/v1/sinks/ioc").json }

  @Test func `a dead letter is listed, shown and redriven, and arrives as it was recorded`() async throws {
    try await withCity { console, broker, centre in
      centre.answer(400)
      try await broker.publish([(Self.topic(0), #"{"values":{"speed":5}}"#), (Self.topic(1), #"{"values":{"speed":5}}"#)])
      try await eventually("both are dead") { try await sink(console)["dead"] as? Int == 2 }
      let listed = try await console.get("/api/v1/outbox?state=dead").items
      #expect(listed.count == 2 && listed.allSatisfy { $0["lastError"] as? String == "rejected: HTTP 400" })
      let first = try await console.get("/api/v1/outbox?limit=1").json
      let next = try #require(first["next"] as? String)
      let rest = try await console.get("/api/v1/outbox?limit=1&after=\(next)").json
      #expect((rest["items"] as? [[String: Any]])?.first?["sequence"] as? Int == 2 && rest["next"] is NSNull)
      #expect(try await console.get("/api/v1/outbox?state=waiting").items.isEmpty)
      let id = try #require(listed[0]["id"] as? String)
      let shown = try await console.get("/api/v1/outbox/\(id)").json
      #expect((shown["event"] as? [String: Any])?["type"] as? String == "vn.thuong.alert.raised")

      centre.answer(204)
      let redriven = try await console.post("/api/v1/outbox/\(id)/redrive", #"{"by":"Lan"}"#)
      #expect(redriven.status == 200, "\(redriven.text)")
      try await eventually("it is delivered") { try await sink(console)["delivered"] as? Int == 1 }
      let figures = try await sink(console)
      #expect(figures["created"] as? Int == 2 && figures["dead"] as? Int == 1 && figures["waiting"] as? Int == 0)
      #expect(figures["state"] as? String == "ok")
      let degraded = try await console.get("/readyz")
      let problems = try degraded.json["problems"] as? [String] ?? []
      #expect(degraded.status == 503 && problems.count == 1 && problems[0].hasPrefix("sink_dead_letters: ioc: 1 events"), "\(problems)")
      let other = try #require(listed[1]["id"] as? String)
      #expect(try await console.post("/api/v1/outbox/\(other)/redrive", #"{"by":"Lan"}"#).status == 200)
      try await console.waitUntilReady()
      let attempts = centre.got.withLock { $0.filter { $0.id == id } }
      #expect(attempts.count == 2 && attempts[0].body == attempts[1].body && attempts.allSatisfy { $0.sequence == attempts[0].sequence })
      try expectProblem(try await console.post("/api/v1/outbox/\(id)/redrive", #"{"by":"Lan"}"#), 409, "delivered")
      try expectProblem(try await console.post("/api/v1/outbox/none/redrive", #"{"by":"Lan"}"#), 404)
      try expectProblem(try await console.post("/api/v1/outbox/\(id)/redrive", "{}"), 400, "by")
      try expectProblem(try await console.get("/api/v1/outbox?state=lost"), 400, "waiting or delivered or dead")
    }
  }

  @Test func `what a sink was given is read after a sequence, in order, with what was delivered`() async throws {
    try await withCity { console, broker, centre in
      for device in 0..<4 { try await broker.publish([(Self.topic(device), #"{"values":{"speed":5}}"#)]) }
      try await eventually("four are delivered") { try await sink(console)["delivered"] as? Int == 4 }
      let bodies = centre.got.withLock { $0.sorted { $0.sequence ?? 0 < $1.sequence ?? 0 }.map(\.body) }
      var (after, found) = ("0", [[String: Any]]())
      while true {
        let page = try await console.get("/api/v1/sinks/ioc/events?limit=3&after=\(after)").json
        found += try #require(page["items"] as? [[String: Any]])
        guard let next = page["next"] as? String else { break }
        after = next
      }
      #expect(found.compactMap { $0["sequence"] as? Int } == [1, 2, 3, 4])
      #expect(found.allSatisfy { $0["state"] as? String == "delivered" })
      for (item, body) in zip(found, bodies) {
        let sent = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
        #expect(NSDictionary(dictionary: try #require(item["event"] as? [String: Any])) == NSDictionary(dictionary: sent))
      }
      try expectProblem(try await console.get("/api/v1/sinks/ioc/events?after=x"), 400, "after")
      try expectProblem(try await console.get("/api/v1/sinks/ioc/events?limit=201"), 400, "limit")
    }
  }

  @Test func `a stopped sink is told in every place, and goes on when it is resumed`() async throws {
    try await withCity { console, broker, centre in
      try expectProblem(try await console.post("/api/v1/sinks/ioc/resume", #"{"by":"Lan"}"#), 404, "no event was ever")
      centre.answer(410)
      try await broker.publish([(Self.topic(0), #"{"values":{"speed":5}}"#)])
      try await eventually("it is stopped") { try await sink(console)["state"] as? String == "stopped" }
      let samples = try await console.samples()
      #expect(
        samples["thuong_sink_state{sink=\"ioc\",state=\"stopped\"}"] == 1 && samples["thuong_sink_state{sink=\"ioc\",state=\"ok\"}"] == 0)
      #expect(try await console.get("/readyz").status == 503)
      centre.answer(204)
      let resumed = try await console.post("/api/v1/sinks/ioc/resume", #"{"by":"Lan"}"#)
      #expect(resumed.status == 200, "\(resumed.text)")
      #expect(try resumed.json["stopped"] is NSNull)
      try await eventually("what waited is delivered") { try await sink(console)["delivered"] as? Int == 1 }
      try await console.waitUntilReady()
      #expect(try await console.samples()["thuong_events_oldest_seconds{sink=\"ioc\"}"] == 0)
      try expectProblem(try await console.post("/api/v1/sinks/ioc/resume", #"{"by":"Lan"}"#), 409, "not stopped")
      try expectProblem(try await console.post("/api/v1/sinks/none/resume", #"{"by":"Lan"}"#), 404)
    }
  }

  @Test func `a sink that would be tried again in an hour goes on at once when it is resumed`() async throws {
    try await withCity(more: ", retry: {first: 1h, most: 1h}") { console, broker, centre in
      centre.answer(503)
      try await broker.publish([(Self.topic(0), #"{"values":{"speed":5}}"#)])
      try await eventually("it was tried once") { try await sink(console)["attempts"] as? Int == 1 }
      centre.answer(204)
      let resumed = try await console.post("/api/v1/sinks/ioc/resume", #"{"by":"Lan"}"#)
      #expect(resumed.status == 200, "\(resumed.text)")
      try await eventually("it is delivered") { try await sink(console)["delivered"] as? Int == 1 }
      #expect(centre.got.withLock { $0.count } == 2)
    }
  }

  @Test func `a test event is signed, outside the sequence, and its answer is shown`() async throws {
    try await withCity { console, _, centre in
      let taken = try await console.post("/api/v1/sinks/ioc/test", #"{"by":"Lan"}"#).json
      #expect(taken["taken"] as? Bool == true && taken["status"] as? Int == 204 && taken["milliseconds"] as? Int != nil)
      centre.answer(503)
      let refused = try await console.post("/api/v1/sinks/ioc/test", #"{"by":"Lan"}"#).json
      #expect(refused["taken"] as? Bool == false && refused["status"] as? Int == 503)
      #expect(centre.count("gateway.test") == 2)
      #expect(centre.got.withLock { $0.allSatisfy { $0.sequence == nil && $0.messageVi?.contains("thử") == true } })
      #expect(try await sink(console)["created"] as? Int == 0, "it is not in the outbox")
    }
  }
}
