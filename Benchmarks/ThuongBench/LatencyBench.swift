import Foundation
import Logging
import Outbox
import Readings
import Simulation
import Synchronization

/// From the call that publishes a probe to the moment the IOC has its verified event, beside other messages.
struct LatencyBench {
  var probes: Int
  var rate: Int

  func run() async throws {
    say(Machine.heading("latency: publish to IOC, \(rate) other messages a second, \(probes) probes"))
    let (samples, others) = try await measure()
    report(samples, others: others)
  }

  /// - Parameter deadSinks: URLs of other sinks that get every event as well.
  /// - Returns: milliseconds of the probes, and the other messages accepted in a second meanwhile.
  func measure(deadSinks: [String] = []) async throws -> (samples: Samples, others: Double) {
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let broker = try PrivateBroker(directory: directory.path)
    defer { broker.end() }
    let arrivals = Arrivals()
    guard let secret = WebhookSecret(text: DemoGateway.secret) else { throw BenchFailure("no secret") }
    let ioc = StandInIOC(
      secrets: [secret], logger: Logger(label: "ioc"), wallClock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      handler: { event in if event.subject?.hasSuffix("/probe") == true { arrivals.arrived() } })
    let serving = Task { try await ioc.run() }
    defer { serving.cancel() }
    let files = try BenchCity.write(into: directory.url)
    var settings = DemoGateway.Settings(
      brokerPort: broker.port, sinkURL: "http://127.0.0.1:\(try await ioc.boundPort())/events", devices: files.devices, rules: files.rules)
    (settings.clock, settings.moreSinks) = ("gateway", deadSinks)
    let gateway = try DemoGateway(executable: Machine.thuong, directory: directory.path, settings: settings)
    let child = try gateway.start()
    defer { child.end() }
    guard await gateway.waitUntilReady(child) else { throw BenchFailure("thuong serve does not get ready") }
    // Enough messages for all probes and as long again; it is ended before.
    let sender = try ChildLines(["sender", "--port", "\(broker.port)", "--messages", "\(rate * max(20, probes / 10))", "--rate", "\(rate)"])
    defer { sender.process.end() }
    _ = try sender.fields(after: "sending")
    let before = await gateway.metric("thuong_messages_accepted_total") ?? 0
    let begun = Machine.nanoseconds
    let samples = try await probe(broker.port, arrivals)
    let seconds = Double(Machine.nanoseconds - begun) / 1e9
    let others = (await gateway.metric("thuong_messages_accepted_total") ?? 0) - before - Double(samples.count)
    return (samples, others / seconds)
  }

  private func probe(_ port: Int, _ arrivals: Arrivals) async throws -> Samples {
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: port))
    try await Task.sleep(for: .seconds(1))
    var milliseconds: [Double] = []
    let warmUp = 50
    for number in 0..<(probes + warmUp) {
      let level = number % 2 == 0 ? 100 : 0
      let sent = Machine.nanoseconds
      try publisher.publish(
        at: Timestamp(milliseconds: 1), topic: BenchCity.probeTopic, payload: Array("{\"values\":{\"level\":\(level)}}".utf8))
      guard let at = try await arrivals.wait(for: number + 1) else { throw BenchFailure("no event of probe \(number) within 10 s") }
      if number >= warmUp { milliseconds.append(Double(at - sent) / 1e6) }
      try await Task.sleep(for: .microseconds(Int.random(in: 2000...12_000)))  // at no fixed phase of the gateway's turns
    }
    return Samples(milliseconds)
  }

  private func report(_ samples: Samples, others: Double) {
    let (p50, p99) = (samples.median, samples.percentile(99))
    say(
      "  p50 \(Shown.decimals(p50, 2)) ms, p99 \(Shown.decimals(p99, 2)) ms, max \(Shown.decimals(samples.largest, 2)) ms; \(samples.count) events, \(Shown.decimals(others, 0)) other messages/s accepted meanwhile"
    )
    Budgets.tell("latency/p50", p50, places: 2)
    Budgets.tell("latency/p99", p99, places: 2)
  }
}

/// When the events of the probes came, in order.
private final class Arrivals: Sendable {
  private struct State {
    var times: [Int64] = []
    var waiting: (number: Int, CheckedContinuation<Void, Never>)?
  }
  private let state = Mutex(State())

  func arrived() {
    let now = Machine.nanoseconds
    let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.times.append(now)
      guard let waiting = state.waiting, waiting.number <= state.times.count else { return nil }
      state.waiting = nil
      return waiting.1
    }
    waiting?.resume()
  }

  /// When the event of that number, from 1, came; nil after 10 s without it.
  func wait(for number: Int) async throws -> Int64? {
    let limit = Task {
      try await Task.sleep(for: .seconds(10))
      state.withLock { state in
        defer { state.waiting = nil }
        return state.waiting?.1
      }?.resume()
    }
    defer { limit.cancel() }
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.times.count >= number { return true }
        state.waiting = (number, continuation)
        return false
      }
      if isThere { continuation.resume() }
    }
    return state.withLock { $0.times.count >= number ? $0.times[number - 1] : nil }
  }
}
