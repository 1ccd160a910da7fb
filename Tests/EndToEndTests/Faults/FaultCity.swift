import Foundation
import Logging
import Outbox
import Readings
import Simulation
import Synchronization

/// A whole city under test: broker, gateway and IOC, all real, in a directory of its own; and what each of them knows afterwards.
final class FaultCity: Sendable {
  struct Plan: Sendable {
    var files = RushHour.files
    /// Further lines of the broker's configuration.
    var brokerSettings: [String] = []
    /// The broker keeps sessions and queues on disk.
    var isBrokerPersistent = false
    /// The gateway reaches its broker through `proxy`.
    var isProxied = false
    /// Who tells the time: `sender` or `gateway`.
    var clock = "sender"
    /// Further variables of the gateway's environment.
    var environment: [String: String] = [:]
  }

  let directory: TemporaryDirectory
  let gateway: DemoGateway
  let told = ToldEvents()
  /// What the IOC answers to a verified event.
  let answer = Box(204)
  private let notTaken = Box(0)
  let proxy: SilentProxy?
  let brokerPort: Int
  private let plan: Plan
  private let brokerSettings: [String]
  private let broker: Mutex<PrivateBroker>
  private let ioc: StandInIOC
  private let iocTask: Task<Void, any Error>

  init(_ plan: Plan = Plan()) async throws {
    self.plan = plan
    directory = try TemporaryDirectory(prefix: "thuong-fault")
    try Bench.write(plan.files, in: directory.path)
    brokerSettings =
      plan.brokerSettings + (plan.isBrokerPersistent ? ["persistence true", "persistence_location \(directory.path)/"] : [])
    let first = try PrivateBroker(directory: directory.path, settings: brokerSettings)
    broker = Mutex(first)
    brokerPort = first.port
    guard let secret = WebhookSecret(text: DemoGateway.secret) else { throw CocoaError(.coderInvalidValue) }
    ioc = StandInIOC(
      secrets: [secret], logger: Logger(label: "ioc"),
      wallClock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }, respond: { [answer] _ in answer.value },
      handler: { [told, notTaken] event in
        if (200...299).contains(event.answer) { told.add(event) } else { notTaken.change { $0 += 1 } }
      })
    iocTask = Task { [ioc] in try await ioc.run() }
    proxy = plan.isProxied ? try SilentProxy(to: first.port) : nil
    var settings = DemoGateway.Settings(
      brokerPort: proxy?.port ?? first.port, sinkURL: "http://127.0.0.1:\(try await ioc.boundPort())/events",
      devices: URL(fileURLWithPath: "\(directory.path)/Devices"), rules: URL(fileURLWithPath: "\(directory.path)/Rules"))
    settings.clock = plan.clock
    settings.sizeMax = "100GB"  // room for 400 days of devices that report so often
    gateway = try DemoGateway(executable: Bench.executable, directory: directory.path, settings: settings)
  }

  deinit {
    iocTask.cancel()
    proxy?.end()
    broker.withLock { $0.end() }
  }

  /// Between two questions to the gateway, which has better things to do.
  static let pause = Duration.milliseconds(20)

  // MARK: The gateway

  /// Starts the gateway without waiting for it.
  ///
  /// - Parameter wrapper: a command that runs it.
  func launch(under wrapper: [String] = []) throws -> ChildProcess {
    let variables = plan.environment.map { "\($0.key)=\($0.value)" }
    return try gateway.start(under: (variables.isEmpty ? [] : ["/usr/bin/env"] + variables) + wrapper)
  }

  /// Starts the gateway; returns when it is ready.
  func start(under wrapper: [String] = [], seconds: Double = 30) async throws -> ChildProcess {
    let child = try launch(under: wrapper)
    guard await gateway.waitUntilReady(child, seconds: seconds) else {
      child.send(SIGKILL)
      throw KillFailure("the gateway does not get ready: \(log)")
    }
    return child
  }

  /// SIGTERM. Returns what it exited with, 128 + 9 where it had not ended after `seconds`.
  func stop(_ child: ChildProcess, within seconds: Double = 10) async throws -> Int32 {
    try await Bench.blocking { child.end(within: seconds) }
    return child.exitCode
  }

  /// The end of the gateway's log.
  var log: String { String(((try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "").suffix(2000)) }

  /// Waits until the gateway has accepted that many messages since the store began; returns how many there are.
  @discardableResult
  func waitForAccepted(_ count: Int, seconds: Double = 60) async throws -> Int {
    var now = 0
    let isReached = await Bench.wait(seconds: seconds, every: Self.pause) {
      now = Int(await self.gateway.metric("thuong_messages_accepted_total") ?? 0)
      return now >= count
    }
    guard isReached else { throw KillFailure("the gateway does not get on: \(now) of \(count) messages accepted; \(log)") }
    return now
  }

  /// Waits until the newest message of the sender is stored, which is the last in the broker's queue, and every event delivered.
  func settle(_ sender: LoadSender, seconds: Double = 60) async throws {
    guard let newest = sender.newest else { return }
    let route = "/api/v1/series/\(newest.device)/volume?from=\(newest.ts)&to=\(newest.ts + 1)"
    let isDone = await Bench.wait(seconds: seconds, every: Self.pause) {
      guard let answer = await self.gateway.get(route), answer.status == 200, answer.body.contains("[\(newest.ts),") else { return false }
      return await self.gateway.metric("thuong_events_pending") == 0
    }
    if !isDone {
      let accepted = await gateway.metric("thuong_messages_accepted_total") ?? -1
      throw KillFailure("not settled: \(accepted) messages accepted of \(sender.sent) sent; \(log)")
    }
  }

  /// What does not balance of the counters.
  func imbalances() async -> [String] {
    guard let text = await gateway.get("/metrics")?.body else { return ["no metrics"] }
    var sums: [Substring: Double] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { continue }
      sums[line[..<(line.firstIndex(of: "{") ?? space)], default: 0] += value
    }
    let equations = [
      ("thuong_messages_received_total", ["thuong_messages_accepted_total", "thuong_messages_rejected_total"]),
      (
        "thuong_readings_received_total",
        ["thuong_readings_stored_total", "thuong_readings_duplicate_total", "thuong_readings_rejected_total"]
      ),
      ("thuong_events_created_total", ["thuong_events_delivered_total", "thuong_events_dead_total", "thuong_events_pending"]),
    ]
    return equations.compactMap { total, parts in
      let sum = parts.reduce(0) { $0 + (sums[Substring($1)] ?? -1) }
      return sums[Substring(total)] == sum ? nil : "\(total) \(sums[Substring(total)] ?? -1), its parts \(sum)"
    }
  }

  /// The reasons that `/readyz` gives; nil where nobody answers.
  func problems() async -> String? { await gateway.get("/readyz")?.body }

  /// Attempts that the IOC answered otherwise than with 2xx: by `answer`, or because the signature is not of now.
  var attemptsRefused: Int { notTaken.value + ioc.figures.refused }

  // MARK: The broker

  /// SIGTERM: it saves what it is told to keep. Returns when it has ended.
  func stopBroker() { broker.withLock { $0.end() } }

  /// kill -9.
  func killBroker() {
    broker.withLock { broker in
      kill(broker.processID, SIGKILL)
      broker.end()
    }
  }

  /// On the same port, with the same files.
  func startBroker() throws {
    let new = try PrivateBroker(directory: directory.path, port: brokerPort, settings: brokerSettings)
    broker.withLock { $0 = new }
  }

  func makeSender(seed: UInt64, rate: Double? = 10_000, start: Int64 = RushHour.start) throws -> LoadSender {
    try LoadSender(seed: seed, port: brokerPort, rate: rate, start: start)
  }
}
