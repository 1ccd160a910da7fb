import Console
import Readings
import Testing

@Suite struct MetricsTests {
  private let reasons = [
    "malformed", "too_large", "unknown_device", "wrong_topic", "unknown_metric", "not_finite", "conflict", "too_old", "retained",
  ]

  @Test func `the families are those of the contract, each with HELP and TYPE, and every line is of the format`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort(), sink: PrivateBroker.freePort())) { console in
      let reply = try await console.get("/metrics", authorization: nil)
      #expect(reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      let lines = reply.text.split(separator: "\n")
      let types = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2...].joined(separator: " ") }
      #expect(
        Set(types) == [
          "thuong_messages_received_total counter", "thuong_messages_accepted_total counter", "thuong_messages_rejected_total counter",
          "thuong_readings_received_total counter", "thuong_readings_stored_total counter", "thuong_readings_duplicate_total counter",
          "thuong_readings_rejected_total counter", "thuong_events_created_total counter", "thuong_events_delivered_total counter",
          "thuong_events_dead_total counter", "thuong_events_pending gauge", "thuong_commit_seconds histogram", "thuong_store_bytes gauge",
          "thuong_series gauge", "thuong_alerts gauge", "thuong_gaps_total counter", "thuong_events_oldest_seconds gauge",
          "thuong_sink_attempts gauge", "thuong_sink_state gauge",
        ])
      #expect(types.count == lines.count { $0.hasPrefix("# HELP ") })
      let sample = /[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? ([0-9.e+-]+)/
      for line in lines where !line.hasPrefix("#") { #expect(line.wholeMatch(of: sample) != nil, "\(line)") }
      let samples = try await console.samples()
      for reason in reasons {
        #expect(samples["thuong_messages_rejected_total{reason=\"\(reason)\"}"] == 0)
        #expect(samples["thuong_readings_rejected_total{reason=\"\(reason)\"}"] == 0)
      }
      #expect(samples["thuong_series"] == 24)
      #expect(samples["thuong_events_pending{sink=\"ioc\"}"] == 0)
      #expect(samples["thuong_alerts{state=\"raised\",severity=\"critical\"}"] == 0)
    }
  }

  @Test func `what went in is what came of it, of messages, readings and events`() async throws {
    let broker = try PrivateBroker()
    try broker.start()
    try await TestIOC(answer: 204).run { port in
      try await RunningConsole.run(try TestTown(broker: broker.port, sink: port)) { console in
        try await console.waitUntilReady()
        let messages = Self.mixed(now: try await Self.clock(console))
        try await broker.publish(messages)
        try await console.settle(messages: messages.count)
        try await eventually("events are delivered") { try await console.samples()["thuong_events_pending{sink=\"ioc\"}"] == 0 }
        let samples = try await console.samples()
        func sum(_ name: String) -> Double { samples.filter { $0.key.hasPrefix(name) }.values.reduce(0, +) }
        #expect(samples["thuong_messages_accepted_total"] == 6)
        #expect(samples["thuong_messages_received_total"] == 6 + sum("thuong_messages_rejected_total"))
        #expect(samples["thuong_messages_rejected_total{reason=\"malformed\"}"] == 1)
        #expect(samples["thuong_messages_rejected_total{reason=\"unknown_device\"}"] == 1)
        #expect(samples["thuong_messages_rejected_total{reason=\"wrong_topic\"}"] == 1)
        #expect(samples["thuong_readings_duplicate_total"] == 2)
        #expect(samples["thuong_readings_rejected_total{reason=\"unknown_metric\"}"] == 1)
        #expect(samples["thuong_readings_rejected_total{reason=\"conflict\"}"] == 1)
        #expect(
          samples["thuong_readings_received_total"] == sum("thuong_readings_stored_total") + sum("thuong_readings_duplicate_total")
            + sum("thuong_readings_rejected_total"))
        #expect(samples["thuong_events_created_total{sink=\"ioc\"}"] == 1)
        #expect(samples["thuong_events_delivered_total{sink=\"ioc\"}"] == 1)
        #expect(samples["thuong_alerts{state=\"raised\",severity=\"major\"}"] == 1)
        Self.expectHistogram(samples)
      }
    }
  }

  /// Six messages that are read and three that are not.
  private static func mixed(now: Int64) -> [(topic: String, payload: String)] {
    let topic = "thuong/v1/bac-giang/traffic/bg-tr-001/telemetry"
    return [
      (topic, #"{"ts":\#(now - 3000),"values":{"speed":40,"occupancy":10}}"#),
      (topic, #"{"ts":\#(now - 3000),"values":{"speed":40,"occupancy":10}}"#),
      (topic, #"{"ts":\#(now - 3000),"values":{"speed":41}}"#),
      (topic, #"{"ts":\#(now - 2000),"values":{"speed":42,"weight":1}}"#),
      (topic, #"{"ts":\#(now - 1000),"values":{"speed":null},"status":"02"}"#),
      (topic, #"{"ts":\#(now),"values":{"speed":5}}"#),
      (topic, "{"), ("thuong/v1/bac-giang/traffic/nobody/telemetry", "{}"), ("thuong/v1/bac-giang/lighting/bg-tr-001/telemetry", "{}"),
    ]
  }

  private static func clock(_ console: RunningConsole) async throws -> Int64 {
    let text = try #require(try await console.get("/readyz").json["clock"] as? String)
    return try #require(Timestamp(rfc3339: text)).milliseconds
  }

  private static func expectHistogram(_ samples: [String: Double]) {
    let buckets = samples.filter { $0.key.hasPrefix("thuong_commit_seconds_bucket") }
    let counts = buckets.sorted { bound($0.key) < bound($1.key) }.map(\.value)
    #expect(counts == counts.sorted())
    #expect(counts.last == samples["thuong_commit_seconds_count"])
    #expect(samples["thuong_commit_seconds_count"] ?? 0 > 0)
    #expect(samples["thuong_commit_seconds_sum"] ?? 0 > 0)
  }

  private static func bound(_ name: String) -> Double { Double(name.split(separator: "\"")[1].replacing("+Inf", with: "inf")) ?? .nan }

  @Test func `label values are escaped`() {
    var metrics = PrometheusText()
    metrics.family(.counter, "a", "one\ntwo \\ \"three\"")
    metrics.sample("a", ["b": "\"\\\n", "c": "đ"], 3)
    #expect(metrics.text == "# HELP a one\\ntwo \\\\ \"three\"\n# TYPE a counter\na{b=\"\\\"\\\\\\n\",c=\"đ\"} 3\n")
  }
}
