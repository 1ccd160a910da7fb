import Foundation
import Gateway
import TestSupport
import Testing

@Suite struct ReloadTests {
  private static let topic = "thuong/v1/bac-giang/traffic/bg-tr-001/telemetry"
  private func rules(_ console: RunningConsole) async throws -> [String] {
    try await console.get("/api/v1/rules").items.compactMap { $0["id"] as? String }
  }

  @Test func `a broken file changes nothing and is shown with its place until the next good load`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    let town = try TestTown(broker: broker.port)
    try await RunningConsole.run(town) { console in
      try await console.waitUntilReady()
      try town.write(rules: SlowRule.text.replacing("last(speed) < 10", with: "last(sped) < 10"))
      let refused = try await console.post("/api/v1/rules/reload")
      try expectProblem(refused, 422, "nothing has changed")
      let fault = try #require((try refused.json["faults"] as? [[String: Any]])?.first)
      #expect(fault["line"] as? Int == 5 && (fault["file"] as? String)?.hasSuffix("traffic.yaml") == true, "\(fault)")
      let ready = try await console.get("/readyz")
      #expect(
        ready.status == 503 && ready.text.contains("rules_reload_failed: ") && ready.text.contains("traffic.yaml:5:"), "\(ready.text)")
      // The old rules go on.
      try await broker.publish([(Self.topic, #"{"values":{"speed":5}}"#)])
      try await console.settle(messages: 1)
      #expect(try await console.get("/api/v1/alerts?state=raised").items.count == 1)
      try town.write(rules: SlowRule.text)
      #expect(try await console.post("/api/v1/rules/reload").status == 200)
      #expect(try await console.get("/readyz").status == 200)
      #expect(try await console.get("/api/v1/alerts?state=raised").items.count == 1, "what was raised stays raised")
    }
  }

  @Test func `new rules ring, those that are gone clear their alerts, and the connection stays`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    let town = try TestTown(broker: broker.port)
    try await RunningConsole.run(town) { console in
      try await console.waitUntilReady()
      try await broker.publish([(Self.topic, #"{"values":{"speed":5}}"#)])
      try await console.settle(messages: 1)
      let before = console.gateway.rulesVersion
      try town.write(rules: FastRule.text)
      let reply = try await console.post("/api/v1/rules/reload")
      #expect(reply.status == 200, "\(reply.text)")
      #expect(try reply.json["rules"] as? Int == 1 && reply.json["version"] as? String != before)
      #expect(try await rules(console) == ["fast"])
      #expect(await console.gateway.writer.status().intake == "up", "nothing was dialled anew")
      try await broker.publish([(Self.topic, #"{"values":{"speed":95}}"#)])
      try await console.settle(messages: 2)
      let alerts = try await console.get("/api/v1/alerts").items
      let states = alerts.compactMap { alert in
        ((alert["rule"] as? [String: Any])?["id"] as? String).map { "\($0) \(alert["state"] ?? "") \(alert["endReason"] ?? "")" }
      }
      #expect(Set(states) == ["fast raised <null>", "slow cleared rule_removed"], "\(states)")
    }
  }

  @Test func `devices are loaded anew too, and a broken device file changes nothing`() async throws {
    let town = try TestTown(broker: PrivateBroker.freePort())
    try await RunningConsole.run(town) { console in
      try town.write(devices: "devices:\n  - {id: new-1, profile: traffic-radar, site: nowhere}\n")
      try expectProblem(try await console.post("/api/v1/rules/reload"), 422)
      #expect(try await console.get("/api/v1/devices/bg-tr-001").status == 200)
      try town.write(devices: "devices:\n  - {id: new-1, profile: traffic-radar, site: bac-giang}\n")
      #expect(try await console.post("/api/v1/rules/reload").status == 200)
      #expect(try await console.get("/api/v1/devices").items.compactMap { $0["id"] as? String } == ["new-1"])
      #expect(try await console.get("/api/v1/devices/bg-tr-001").status == 404)
    }
  }

  @Test func `a file of rules is checked against the present devices, and nothing changes`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let good = try await console.post("/api/v1/rules/check", FastRule.text, type: "application/yaml")
      #expect(good.text == #"{"rules":1,"faults":[],"warnings":[]}"#)
      let bad = try await console.post(
        "/api/v1/rules/check", FastRule.text.replacing("speed) >", with: "sped) >"), type: "text/yaml; charset=utf-8")
      let fault = try #require((try bad.json["faults"] as? [[String: Any]])?.first)
      #expect(fault["file"] as? String == "body" && fault["line"] as? Int == 5)
      #expect(try await rules(console) == ["slow"])
      // It may name what stands in other files.
      let inhibited = FastRule.text + "    inhibited_by: [{rule: slow, same: device}]\n"
      let beside = try await console.post("/api/v1/rules/check", inhibited, type: "application/yaml")
      #expect(beside.text == #"{"rules":1,"faults":[],"warnings":[]}"#)
      let nowhere = try await console.post(
        "/api/v1/rules/check", inhibited.replacing("rule: slow", with: "rule: slw"), type: "application/yaml")
      #expect(nowhere.text.contains("no rule slw"), "\(nowhere.text)")
      try expectProblem(try await console.post("/api/v1/rules/check", FastRule.text, type: "application/json"), 415, "application/yaml")
      let large = String(repeating: "# x\n", count: 300_000)
      try expectProblem(try await console.post("/api/v1/rules/check", large, type: "application/yaml"), 413, "1024 KB")
    }
  }
}
