import Foundation
import Testing

@Suite struct AlertCommandTests {
  private static let topic = "thuong/v1/bac-giang/traffic/bg-tr-001/telemetry"

  /// A town with one raised alert, whose id is given to `body`.
  private func withAlert(_ body: (RunningConsole, String) async throws -> Void) async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      try await console.waitUntilReady()
      try await broker.publish([(Self.topic, #"{"values":{"speed":5}}"#)])
      try await console.settle(messages: 1)
      let alerts = try await console.get("/api/v1/alerts?state=raised").items
      try await body(console, try #require(alerts.first?["id"] as? String))
    }
  }

  @Test func `an alert is acknowledged and closed, and tells every step with its reason in both languages`() async throws {
    try await withAlert { console, id in
      let acked = try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":"Lan","note":"đã cử đội"}"#)
      #expect(acked.status == 200, "\(acked.text)")
      let acknowledged = try #require(try acked.json["acknowledged"] as? [String: Any])
      #expect(acknowledged["by"] as? String == "Lan" && acknowledged["note"] as? String == "đã cử đội")
      let closed = try await console.post("/api/v1/alerts/\(id)/close", #"{"by":"Lan"}"#)
      #expect(closed.status == 200, "\(closed.text)")
      #expect(try closed.json["state"] as? String == "cleared")
      let steps = try #require(try await console.get("/api/v1/alerts/\(id)").json["transitions"] as? [[String: Any]])
      let kinds = steps.compactMap { $0["transition"] as? String }
      #expect(kinds.first == "raised" && kinds.contains("acknowledged"), "\(kinds)")
      for step in steps {
        let text = try #require(step["text"] as? [String: String])
        #expect(text["vi"]?.isEmpty == false && text["en"]?.isEmpty == false && text["vi"] != text["en"])
      }
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":"Lan"}"#), 409, "over")
    }
  }

  @Test func `what is not as it should be is refused in words, and changes nothing`() async throws {
    try await withAlert { console, id in
      let before = try await console.get("/api/v1/alerts/\(id)").text
      try expectProblem(try await console.post("/api/v1/alerts/none/ack", #"{"by":"Lan"}"#), 404, "no alert")
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":"Lan","notes":"x"}"#), 400, "unknown field \"notes\"")
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", #"{"note":"x"}"#), 400, "\"by\" is missing")
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":7}"#), 400, "must be a text")
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", "[]"), 400, "JSON object")
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":"Lan"}"#, type: "text/plain"), 415, "application/json")
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", #"{"by":"Lan"}"#, type: nil), 415)
      let large = #"{"by":"\#(String(repeating: "x", count: 70_000))"}"#
      try expectProblem(try await console.post("/api/v1/alerts/\(id)/ack", large), 413, "64 KB")
      let wrong = try await console.get("/api/v1/alerts/\(id)/ack")
      try expectProblem(wrong, 405, "POST")
      #expect(wrong.headers["allow"] == "POST")
      #expect(try await console.get("/api/v1/alerts/\(id)").text == before)
    }
  }

  @Test func `a silence is set, listed and ended; without an id it gets one`() async throws {
    try await withAlert { console, _ in
      let body =
        #"{"device":["bg-tr-002"],"until":"2099-01-01T00:00:00+07:00","weekly":{"days":["sat"],"from":"22:00","to":"05:00"},"by":"Lan"}"#
      let set = try await console.post("/api/v1/silences", body)
      #expect(set.status == 201, "\(set.text)")
      let id = try #require(try set.json["id"] as? String)
      let listed = try await console.get("/api/v1/silences").items
      #expect(listed.count == 1 && listed[0]["id"] as? String == id && listed[0]["by"] as? String == "Lan")
      #expect((listed[0]["weekly"] as? [String: Any])?["from"] as? String == "22:00")
      try expectProblem(try await console.get("/api/v1/silences/\(id)", method: "DELETE"), 400, "by")
      #expect(try await console.get("/api/v1/silences/\(id)?by=Lan", method: "DELETE").status == 204)
      #expect(try await console.get("/api/v1/silences").items.isEmpty)
      try expectProblem(try await console.get("/api/v1/silences/\(id)?by=Lan", method: "DELETE"), 404)
      for (bad, words) in [
        (#"{"until":"2099-01-01T00:00:00+07:00","by":"Lan"}"#, "every alert"), (#"{"device":["bg-tr-002"],"by":"Lan"}"#, "until"),
        (#"{"device":["nobody"],"until":"2099-01-01T00:00:00+07:00","by":"Lan"}"#, "nobody"),
        (#"{"devices":["x"],"until":"2099-01-01T00:00:00+07:00","by":"Lan"}"#, "unknown field"),
        (#"{"device":["bg-tr-002"],"until":"2001-01-01T00:00:00+07:00","by":"Lan"}"#, "before"),
      ] { try expectProblem(try await console.post("/api/v1/silences", bad), 400, words) }
    }
  }

  @Test func `alerts are listed by severity, site, rule and device`() async throws {
    try await withAlert { console, id in
      for (query, isThere) in [
        ("severity=major", true), ("severity=minor", false), ("site=bac-giang", true), ("site=x", false), ("rule=slow", true),
        ("rule=x", false),
        ("device=bg-tr-001", true), ("device=bg-tr-002", false), ("state=cleared", false),
      ] {
        let ids = try await console.get("/api/v1/alerts?\(query)").items.compactMap { $0["id"] as? String }
        #expect(ids == (isThere ? [id] : []), "\(query)")
      }
      try expectProblem(try await console.get("/api/v1/alerts?severity=huge"), 400, "severity")
    }
  }

  @Test func `every command refuses a request without the token`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      #expect(console.commands.count == 9)
      for command in console.commands {
        let parts = command.split(separator: " ").map(String.init)
        let target = parts[1].replacing("{id}", with: "x")
        try expectProblem(try await console.get(target, method: parts[0], body: "{}", authorization: nil), 401)
      }
    }
  }
}
