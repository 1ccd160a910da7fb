import AsyncHTTPClient
import Database
import Foundation
import GRDB
import Gateway
import NIOCore
import NIOHTTP1
import Outbox
import Readings
import Simulation

/// How fast a backlog leaves, and whether dead IOCs slow a live one.
struct DeliveryBench {
  var events: Int
  var rounds: Int
  var probes: Int

  private static let alerts = 2_000
  private static let concurrency = 4

  func run() async throws {
    say(Machine.heading("delivery: \(events) events of \(Self.alerts) alerts, \(Self.concurrency) requests at once"))
    let backlog = (0..<events).map(event)
    var (rates, bare): ([Double], [Double]) = ([], [])
    for round in 1...rounds {
      bare.append(try await postAlone(backlog))
      rates.append(try await drain(backlog))
      say("  \(round): \(Shown.rate(rates[round - 1])) events/s from the outbox; \(Shown.rate(bare[round - 1])) requests/s alone")
    }
    let (rate, alone) = (Samples(rates).median, Samples(bare).median)
    say("  medians: \(Shown.rate(rate)) events/s, \(Shown.rate(alone)) requests/s, ratio \(Shown.decimals(rate / alone, 2))")
    Budgets.tell("delivery/rate", rate, places: 0)
    try await compareLatency()
  }

  private func event(_ number: Int) -> EventRecord {
    let time = Timestamp(milliseconds: 1_763_684_820_000 + Int64(number))
    let name = BilingualText(vi: "Ùn tắc giao thông", en: "Traffic congestion")
    var event = AlertEvent(
      instance: "bench", alert: "alert-\(number % Self.alerts)", transition: .reminder, nth: number / Self.alerts + 1,
      revision: number / Self.alerts + 1, state: .raised, severity: .major, subject: "bac-giang/traffic/bg-tr-001", site: "bac-giang",
      rule: .init(id: "traffic-congestion", version: "v1", name: name), time: time, breachedAt: time, detectedAt: time,
      conditionText: "mean(speed, 5m) < 15 and mean(occupancy, 5m) > 35",
      message: BilingualText(vi: "Tốc độ trung bình 12,4 km/h trong 5 phút", en: "Mean speed 12.4 km/h over 5 minutes"))
    event.evidence = [.init(metric: "speed", decimals: 1, points: (0..<10).map { (time + $0 * 60_000, 14.1) })]
    return event.record
  }

  /// A gateway that starts on a store in which all of it waits: real connections, the real writer, every mark committed and synced.
  private func drain(_ backlog: [EventRecord]) async throws -> Double {
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let files = try BenchCity.write(into: directory.url)
    let responder = try ChildLines(["responder", "--count", "\(events)"])
    defer { responder.process.end() }
    let port = Int(try responder.fields(after: "port")[0])
    let settings = DemoGateway.Settings(
      brokerPort: try LoopbackPort.free(), sinkURL: "http://127.0.0.1:\(port)/events", devices: files.devices, rules: files.rules)
    let gateway = try DemoGateway(executable: Machine.thuong, directory: directory.path, settings: settings)
    try enqueue(backlog, into: gateway.storeDirectory)
    let child = try gateway.start()
    defer { child.end() }
    let took = try responder.fields(after: "took")
    return Double(events) / ((took[1] - took[0]) / 1e9)
  }

  private func enqueue(_ backlog: [EventRecord], into directory: String) throws {
    let store = try GatewayStore(directory: directory, durability: .full, sinks: [])
    for start in stride(from: 0, to: backlog.count, by: 1000) {
      let some = backlog[start..<min(backlog.count, start + 1000)]
      try store.file.commit { db in
        _ = try OutboxTable.enqueue(Array(some), to: [SinkFilter(sink: "ioc")], realNow: LiveClock.wall, in: db)
      }
    }
  }

  /// The same requests, signed as they are, from a loop that does nothing else.
  private func postAlone(_ backlog: [EventRecord]) async throws -> Double {
    let responder = try ChildLines(["responder", "--count", "\(events)"])
    defer { responder.process.end() }
    let url = "http://127.0.0.1:\(Int(try responder.fields(after: "port")[0]))/events"
    guard let secret = WebhookSecret(text: DemoGateway.secret) else { throw BenchFailure("no secret") }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for lane in 0..<Self.concurrency {
        group.addTask {
          for number in stride(from: lane, to: backlog.count, by: Self.concurrency) {
            let event = backlog[number]
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.headers = [
              "content-type": "application/cloudevents+json; charset=UTF-8", "webhook-id": event.id, "webhook-timestamp": "1763684820",
              "webhook-signature": Signature.header(id: event.id, seconds: 1_763_684_820, body: event.body, secrets: [secret]),
              "thuong-sequence": "\(number + 1)",
            ]
            request.body = .bytes(ByteBuffer(bytes: event.body))
            for try await _ in try await HTTPClient.shared.execute(request, timeout: .seconds(20)).body {}
          }
        }
      }
      try await group.waitForAll()
    }
    let took = try responder.fields(after: "took")
    return Double(events) / ((took[1] - took[0]) / 1e9)
  }

  /// Publish to a live IOC alone, then beside one that refuses connections and one that never answers.
  private func compareLatency() async throws {
    let silent = try ChildLines(["responder", "--silent"])
    defer { silent.process.end() }
    let dead = ["http://127.0.0.1:\(try LoopbackPort.free())/", "http://127.0.0.1:\(Int(try silent.fields(after: "port")[0]))/"]
    let bench = LatencyBench(probes: probes, rate: 500)
    var (alone, beside): ([Samples], [Samples]) = ([], [])
    for round in 1...rounds {
      alone.append(try await bench.measure().samples)
      beside.append(try await bench.measure(deadSinks: dead).samples)
      func shown(_ samples: Samples) -> String {
        "p50 \(Shown.decimals(samples.median, 2)) ms, p99 \(Shown.decimals(samples.percentile(99), 2)) ms"
      }
      say("  \(round): an IOC alone \(shown(alone[round - 1])); beside two dead ones \(shown(beside[round - 1]))")
    }
    func median(_ rounds: [Samples], _ figure: (Samples) -> Double) -> Double { Samples(rounds.map(figure)).median }
    Budgets.tell("delivery/dead-p50", median(beside) { $0.median } / median(alone) { $0.median }, places: 2)
    Budgets.tell("delivery/dead-p99", median(beside) { $0.percentile(99) } / median(alone) { $0.percentile(99) }, places: 2)
  }
}
