package import DeviceRegistry
package import Foundation
package import Logging
import Outbox
import Readings
import Synchronization

/// A whole small city: broker, gateway, stand-in IOC and simulated sensors, all real and all on loopback.
package final class CityDemo: Sendable {
  package struct Plan: Sendable {
    package var executable: String
    package var devices: URL
    package var rules: URL
    package var registry: Registry
    package var scenario: Scenario
    package var speed: Double
    /// Wall seconds; nil until the simulated day is over or `stop` is called.
    package var seconds: Double?

    package init(executable: String, devices: URL, rules: URL, registry: Registry, scenario: Scenario, speed: Double, seconds: Double?) {
      (self.executable, self.devices, self.rules, self.registry) = (executable, devices, rules, registry)
      (self.scenario, self.speed, self.seconds) = (scenario, speed, seconds)
    }
  }

  /// What came of it.
  package struct Summary: Sendable {
    package var published = 0
    package var readingsStored = 0
    package var refused = 0
    package var events: [String: Int] = [:]
    package var problems: [String] = []
  }

  private let plan: Plan
  private let publisher = Mutex<MQTTPublisher?>(nil)
  private let isStopped = Mutex(false)
  private let events = Mutex<[String: Int]>([:])

  package init(_ plan: Plan) { self.plan = plan }

  /// Ends the demo early, as Ctrl-C does. From any thread.
  package func stop() {
    isStopped.withLock { $0 = true }
    publisher.withLock { $0 }?.stop()
  }

  /// Runs it. `say` gets lines for people, `event` every event that the IOC received.
  package func run(logger: Logger, say: @escaping @Sendable (String) -> Void, event: @escaping @Sendable (ReceivedEvent) -> Void)
    async throws -> Summary
  {
    let directory = try TemporaryDirectory(prefix: "thuong-demo")
    let broker = try PrivateBroker(directory: directory.path)
    defer { broker.end() }
    let ioc = try standIn(logger, event)
    let serving = Task { try await ioc.run() }
    defer { serving.cancel() }
    let place = "http://127.0.0.1:\(try await ioc.boundPort())"
    let gateway = try DemoGateway(
      executable: plan.executable, directory: directory.path,
      settings: .init(brokerPort: broker.port, sinkURL: "\(place)/events", devices: plan.devices, rules: plan.rules))
    let child = try gateway.start()
    defer { child.end() }
    guard await gateway.waitUntilReady(child) else {
      let log = (try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? ""
      throw PrivateBroker.Failure(description: "thuong serve does not get ready:\n\(log.suffix(2000))")
    }
    say(
      "mosquitto on 127.0.0.1:\(broker.port), gateway http://127.0.0.1:\(gateway.httpPort)/readyz, \(plan.registry.devices.count) devices at \(Int(plan.speed)) times the speed of life"
    )
    say("the IOC's page: \(place)/")
    var summary = Summary()
    summary.published = try await publish(to: broker.port)
    await drain(gateway)
    summary.readingsStored = Int(await gateway.metric("thuong_readings_stored_total") ?? 0)
    (summary.refused, summary.events) = (ioc.figures.refused, events.withLock { $0 })
    summary.problems = problems(summary, childIsRunning: child.isRunning)
    return summary
  }

  private func standIn(_ logger: Logger, _ event: @escaping @Sendable (ReceivedEvent) -> Void) throws -> StandInIOC {
    guard let secret = WebhookSecret(text: DemoGateway.secret) else { throw CocoaError(.coderInvalidValue) }
    return StandInIOC(
      secrets: [secret], logger: logger, wallClock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      handler: { [self] received in
        if let domain = received.subject?.split(separator: "/").dropFirst().first {
          events.withLock { $0[String(domain), default: 0] += 1 }
        }
        event(received)
      })
  }

  /// Sends the city at its speed, on a thread of its own, until the time is up.
  private func publish(to port: Int) async throws -> Int {
    let sender = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: port))
    publisher.withLock { $0 = sender }
    if let seconds = plan.seconds {
      Task { [weak self] in
        try await Task.sleep(for: .seconds(seconds))
        self?.isStopped.withLock { $0 = true }
      }
    }
    let (plan, isOver) = (plan, { @Sendable [self] in isStopped.withLock { $0 } })
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        var city = CityModel(scenario: plan.scenario, registry: plan.registry)
        continuation.resume(
          with: Result {
            do {
              return try TracePublishing.run(to: sender, pace: SimulationPace(speed: plan.speed)) { isOver() ? nil : city.next() }
            } catch MQTTPublisherError.stopped {
              return sender.counts.accepted
            }
          })
      }
    }
  }

  /// Waits until the gateway has told everything.
  private func drain(_ gateway: DemoGateway) async {
    for _ in 0..<200 {
      if await gateway.metric("thuong_events_pending") == 0 { return }
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  private func problems(_ summary: Summary, childIsRunning: Bool) -> [String] {
    var found: [String] = []
    if !childIsRunning { found.append("the gateway ended by itself") }
    if summary.readingsStored == 0 { found.append("no reading was stored") }
    if summary.refused > 0 { found.append("the IOC refused \(summary.refused) requests") }
    for domain in plan.registry.domains where summary.events[domain, default: 0] == 0 {
      found.append("no event of domain \(domain) was delivered")
    }
    return found
  }
}
