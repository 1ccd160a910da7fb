import Console
import Foundation
import Testing

@Suite struct ListTests {
  @Test func `devices are told as registered, with the newest reading of each metric`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      try await console.waitUntilReady()
      try await broker.publish([("thuong/v1/bac-giang/traffic/bg-tr-001/telemetry", #"{"ts":1763683200000,"values":{"speed":42.5}}"#)])
      try await console.settle(messages: 1)
      let text = try await console.get("/api/v1/devices/bg-tr-001").text
      #expect(
        text == #"{"id":"bg-tr-001","name":"Nút \"bg-tr-001\"","profile":"traffic-radar","domain":"traffic","site":"bac-giang","#
          + #""zone":"hung-vuong","ward":{"code":"07210","valid_from":"2025-07-01","name":"Phường Bắc Giang"},"#
          + #""location":{"lat":21.2745,"lon":106.199},"metrics":[{"name":"speed","unit":"km/h","latest":"#
          + #"{"ts":1763683200000,"value":42.5,"status":"00"}},{"name":"occupancy","unit":"%","latest":null}]}"#)
      let other = try await console.get("/api/v1/devices/bg-tr-002").json
      #expect(other["zone"] is NSNull && other["ward"] is NSNull && other["location"] is NSNull)
    }
  }

  @Test(arguments: [1, 5, 11, 12, 13]) func `paging gives every device and series once, in order`(_ limit: Int) async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let devices = try await pages("/api/v1/devices?limit=\(limit)", console)
      #expect(devices.map { $0["id"] as? String } == TestTown.devices)
      let series = try await pages("/api/v1/series?limit=\(limit)", console)
      #expect(
        series.map { "\($0["device"] ?? "")/\($0["metric"] ?? "")" } == TestTown.devices.flatMap { ["\($0)/speed", "\($0)/occupancy"] })
      #expect(series[1]["unit"] as? String == "%")
    }
  }

  @Test func `alerts are listed newest first, by state, in pages, and one by one`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      try await console.waitUntilReady()
      let topics = TestTown.devices.prefix(7).map { "thuong/v1/bac-giang/traffic/\($0)/telemetry" }
      try await broker.publish(topics.map { ($0, #"{"values":{"speed":5}}"#) } + topics.prefix(3).map { ($0, #"{"values":{"speed":50}}"#) })
      try await console.settle(messages: 10)
      let all = try await pages("/api/v1/alerts?limit=2", console)
      #expect(Set(all.map { $0["id"] as? String }).count == 7)
      let times = all.compactMap { $0["raisedAt"] as? String }
      #expect(times.count == 7 && times == times.sorted(by: >))
      let cleared = try await pages("/api/v1/alerts?state=cleared&limit=1", console)
      #expect(Set(cleared.map { $0["device"] as? String }) == Set(TestTown.devices.prefix(3)))
      #expect(cleared.allSatisfy { $0["clearedAt"] is String && $0["state"] as? String == "cleared" })
      let raised = try await pages("/api/v1/alerts?state=raised&limit=500", console)
      #expect(Set(raised.map { $0["device"] as? String }) == Set(TestTown.devices[3..<7]))
      let id = try #require(raised[0]["id"] as? String)
      var one = try await console.get("/api/v1/alerts/\(id)").json
      #expect((one.removeValue(forKey: "transitions") as? [[String: Any]])?.first?["transition"] as? String == "raised")
      #expect(NSDictionary(dictionary: one) == NSDictionary(dictionary: raised[0]))
      #expect((one["rule"] as? [String: Any])?["id"] as? String == "slow")
      #expect((one["message"] as? [String: Any])?["en"] as? String == "Nút \"\(raised[0]["device"] ?? "")\": 5 km/h")
      #expect(one["clearedAt"] is NSNull)
    }
  }

  /// Follows `next` to the end.
  private func pages(_ target: String, _ console: RunningConsole) async throws -> [[String: Any]] {
    var found: [[String: Any]] = []
    var after = ""
    while true {
      let page = try await console.get(target + after)
      try #require(page.status == 200, "\(page.text)")
      found += try page.items
      guard let next = try page.json["next"] as? String else { return found }
      #expect(try !page.items.isEmpty)
      after = "&after=\(next)"
    }
  }
}
