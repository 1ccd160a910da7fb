import Console
import Foundation
import Testing

@Suite struct SeriesPointsTests {
  private static let base: Int64 = 1_763_683_200_000
  private static let count = 2500

  /// Point k is at base + k seconds; every third is calibrating, every seventh of the rest measured nothing.
  private static func status(_ k: Int) -> String { k % 3 == 0 ? "01" : k % 7 == 0 ? "02" : "00" }
  private static func isNull(_ k: Int) -> Bool { status(k) == "02" }

  /// In three batches, so that it also was one payload an array.
  private static var messages: [(topic: String, payload: String)] {
    stride(from: 0, to: count, by: 1000).map { start in
      let objects = (start..<min(count, start + 1000)).map { k in
        #"{"ts":\#(base + Int64(k) * 1000),"values":{"speed":\#(isNull(k) ? "null" : "\(Double(k % 90) + 10.5)")},"status":"\#(status(k))"}"#
      }
      return ("thuong/v1/bac-giang/traffic/bg-tr-001/telemetry", "[\(objects.joined(separator: ","))]")
    }
  }

  @Test func `paging gives every point of a span once, whatever the page's size`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      try await console.waitUntilReady()
      try await broker.publish(Self.messages)
      try await console.settle(messages: 3)
      let good = (0..<Self.count).filter { Self.status($0) == "00" }.map(Self.ts)
      for limit in [1000, 333, 1428, 1429, 10_000] {
        #expect(try await points("limit=\(limit)", console).map(Self.ts) == good, "limit \(limit)")
      }
      let all = try await points("status=all&limit=777", console)
      #expect(all.map(Self.ts) == (0..<Self.count).map(Self.ts))
      #expect(all.indices.allSatisfy { all[$0][2] as? String == Self.status($0) })
      #expect(all.indices.allSatisfy { (all[$0][1] is NSNull) == Self.isNull($0) })
      #expect(all[1][1] as? Double == 11.5)

      // Half-open, in either way of writing a time.
      let span = (10..<20).map(Self.ts)
      #expect(try await points("status=all&from=\(span[0])&to=\(Self.ts(20))&limit=3", console).map(Self.ts) == span)
      #expect(try await points("status=all&from=2025-11-21T07:00:10%2B07:00&to=2025-11-21T00:00:20Z", console).map(Self.ts) == span)
      #expect(try await points("status=all&from=2025-11-21T07:00:10+07:00&to=2025-11-21T00:00:20Z", console).map(Self.ts) == span)
      #expect(try await points("from=5&to=5", console).isEmpty)
    }
  }

  @Test func `a page names its series, and tells what it leaves out by being asked for it`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      try await console.waitUntilReady()
      let topic = "thuong/v1/bac-giang/traffic/bg-tr-002/telemetry"
      try await broker.publish([(topic, #"[{"ts":1763683200000,"values":{"speed":42.5}},{"ts":1763683201000,"values":{"speed":400}}]"#)])
      try await console.settle(messages: 1)
      let target = "/api/v1/series/bg-tr-002/speed"
      #expect(
        try await console.get(target).text
          == #"{"device":"bg-tr-002","metric":"speed","unit":"km/h","points":[[1763683200000,42.5]],"next":null}"#)
      let all = try await console.get("\(target)?status=all").text
      #expect(all.contains(#""points":[[1763683200000,42.5,"00"],[1763683201000,400,"range"]],"next":null"#))
    }
  }

  @Test func `steps are what the good readings come to, page by page, of one series or of many, also as CSV`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await RunningConsole.run(try TestTown(broker: broker.port)) { console in
      try await console.waitUntilReady()
      try await broker.publish(Self.messages)
      try await console.settle(messages: 3)
      // base is the beginning of a quarter of an hour.
      let expected = (0..<3).map { quarter in
        (quarter * 900..<min(Self.count, (quarter + 1) * 900)).filter { Self.status($0) == "00" }.map { Double($0 % 90) + 10.5 }
      }
      for limit in [1, 2, 1000] {
        let counts = try await points("step=15m&fn=count&limit=\(limit)", console)
        #expect(counts.map(Self.ts) == [0, 900, 1800].map(Self.ts), "limit \(limit)")
        #expect(counts.map { $0[1] as? Int } == expected.map(\.count))
      }
      // As text: Foundation's reader of JSON does not give the nearest double. Three decimals: the speed has one.
      let means = expected.indices.map { quarter in
        let mean = expected[quarter].reduce(0, +) / Double(expected[quarter].count)
        return "[\(Self.ts(quarter * 900)),\((mean * 1000).rounded() / 1000)]"
      }
      #expect(try await console.get("/api/v1/series/bg-tr-001/speed?step=15m").text.contains("[\(means.joined(separator: ","))]"))
      let listed = try await console.get("/api/v1/series?metric=speed&step=15m&from=\(Self.base)&to=\(Self.ts(2500))&limit=1").text
      #expect(listed.contains("[\(means.joined(separator: ","))]"))
      let firstMean = means[0].dropFirst().dropLast()
      let meanCSV = try await console.get("/api/v1/series/bg-tr-001/speed?step=15m&format=csv&limit=1").text
      #expect(meanCSV == "device,metric,ts,mean\nbg-tr-001,speed,\(firstMean)\n")
      #expect(try await points("step=1h&fn=max", console).map { $0[1] as? Double } == [99.5])
      #expect(try await points("step=15m&fn=first&from=\(Self.ts(1000))&to=\(Self.ts(1001))", console).map(Self.ts) == [Self.ts(900)])
      let csv = try await console.get("/api/v1/series/bg-tr-001/speed?step=15m&fn=last&format=csv&limit=1")
      #expect(csv.text == "device,metric,ts,last\nbg-tr-001,speed,\(Self.base),\(expected[0].last ?? 0)\n")
      #expect(csv.headers["content-type"] == "text/csv; charset=utf-8")
      #expect(csv.headers["thuong-next"]?.isEmpty == false)
      let raw = try await console.get("/api/v1/series/bg-tr-001/speed?format=csv&limit=1&from=\(Self.ts(1))").text
      #expect(raw == "device,metric,ts,value,status\nbg-tr-001,speed,\(Self.ts(1)),11.5,00\n")
      let span = "from=\(Self.base)&to=\(Self.ts(2500))"
      let many = try await console.get("/api/v1/series?metric=speed&domain=traffic&step=1h&fn=sum&\(span)").items
      #expect(many.map { $0["device"] as? String } == TestTown.devices)
      #expect((many[0]["points"] as? [[Any]])?.map { $0[1] as? Double } == [expected.joined().reduce(0, +)])
      #expect(many.dropFirst().allSatisfy { ($0["points"] as? [[Any]])?.isEmpty == true })
      #expect(try await console.get("/api/v1/series?domain=lighting&step=1h&\(span)").items.isEmpty)
    }
  }

  private static func ts(_ k: Int) -> Int64 { base + Int64(k) * 1000 }
  private static func ts(_ point: [Any]) -> Int64 { (point[0] as? NSNumber)?.int64Value ?? -1 }

  private func points(_ query: String, _ console: RunningConsole) async throws -> [[Any]] {
    var found: [[Any]] = []
    var after = ""
    while true {
      let page = try await console.get("/api/v1/series/bg-tr-001/speed?\(query)\(after)")
      try #require(page.status == 200, "\(page.text)")
      found += try #require(try page.json["points"] as? [[Any]])
      guard let next = try page.json["next"] as? String else { return found }
      after = "&after=\(next)"
    }
  }
}
