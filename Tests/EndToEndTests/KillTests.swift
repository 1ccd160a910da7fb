import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Logging
import Outbox
import Readings
import RuleEngine
import Simulation
import Synchronization
import Testing

@Suite(.serialized) struct KillTests {
  /// kill -9 of the real binary, under load, with real peers: nothing acknowledged is lost, no event is lost or told under two ids.
  @Test func `Twenty kills under load lose no reading and no event`() async throws {
    let seed = ProcessInfo.processInfo.environment["KILL_SEED"].flatMap { UInt64($0) } ?? 20_251_121
    let kills = ProcessInfo.processInfo.environment["KILLS"].flatMap { Int($0) } ?? 20
    print("seed \(seed), \(kills) kills; repeat with KILL_SEED=\(seed) KILLS=\(kills)")
    let run = try await KillRun(seed: seed, kills: kills)
    let result = try await run.perform()
    print(result.summary)

    #expect(result.leastAcknowledgedBetweenKills >= 5000)
    #expect(result.killsBeforeAcknowledgement >= kills / 2)
    #expect(result.redeliveries > 0)
    #expect(result.pendingAtKills >= 10)
    let readings = try run.comparedReadings()
    #expect(readings.missing == 0 && readings.foreign == 0, "\(readings)")
    #expect(readings.stored == run.ledgerCount * RushHour.metrics.count)
    let events = try run.comparedEvents()
    #expect(events.alerts >= 50)
    #expect(events.missing.isEmpty && events.foreign.isEmpty && events.different.isEmpty, "\(events)")
  }
}

/// One run: broker, gateway, sender and IOC, all real; what each of them knows afterwards.
final class KillRun: Sendable {
  struct Result {
    var leastAcknowledgedBetweenKills = Int.max
    /// Kills after which the broker sent messages again: it had sent them, and got no PUBACK.
    var killsBeforeAcknowledgement = 0
    var redeliveries = 0
    var pendingAtKills = 0
    var offeredPerSecond = 0.0
    var summary: String {
      "offered \(Int(offeredPerSecond)) messages/s; at least \(leastAcknowledgedBetweenKills) acknowledged between kills; "
        + "\(killsBeforeAcknowledgement) kills between a receive and its PUBACK, \(redeliveries) redeliveries; \(pendingAtKills) alerts pending at kills"
    }
  }

  private let directory: TemporaryDirectory
  private let broker: PrivateBroker
  private let gateway: DemoGateway
  private let ioc: StandInIOC
  private let iocTask: Task<Void, any Error>
  private let seed: UInt64
  private let kills: Int
  private let sent = Mutex(0)
  private let isOver = Mutex(false)
  /// How much of the broker's log was read.
  private let logRead = Mutex<UInt64>(0)

  init(seed: UInt64, kills: Int) async throws {
    (self.seed, self.kills) = (seed, kills)
    directory = try TemporaryDirectory(prefix: "thuong-kill")
    try Bench.write(RushHour.files, in: directory.path)
    broker = try PrivateBroker(directory: directory.path, settings: ["log_type debug"])
    guard let secret = WebhookSecret(text: DemoGateway.secret) else { throw CocoaError(.coderInvalidValue) }
    let told = TextBox()
    ioc = StandInIOC(
      secrets: [secret], logger: Logger(label: "ioc"), wallClock: { LiveClock.wall }, handler: { event in told.add(event.id, event.body) })
    iocTask = Task { [ioc] in try await ioc.run() }
    box = told
    let url = "http://127.0.0.1:\(try await ioc.boundPort())/events"
    gateway = try DemoGateway(
      executable: Bench.executable, directory: directory.path,
      settings: .init(
        brokerPort: broker.port, sinkURL: url, devices: URL(fileURLWithPath: "\(directory.path)/Devices"),
        rules: URL(fileURLWithPath: "\(directory.path)/Rules")))
  }

  deinit {
    iocTask.cancel()
    broker.end()
  }

  private let box: TextBox

  var ledgerCount: Int { sent.withLock { $0 } }

  func perform() async throws -> Result {
    var result = Result()
    var random = SeededGenerator(seed: seed ^ 0x6b69_6c6c)
    var child = try gateway.start()
    defer { child.end() }
    guard await gateway.waitUntilReady(child) else { throw KillFailure("the gateway does not get ready: \(log)") }
    let began = ContinuousClock.now
    let sender = startSender()
    var accepted = 0.0
    for _ in 0..<kills {
      let goal = accepted + 5000 + Double(random.below(2000))
      var now = 0.0
      guard
        await Bench.wait(
          seconds: 60,
          until: {
            now = await self.gateway.metric("thuong_messages_accepted_total") ?? 0
            return now >= goal
          })
      else { throw KillFailure("the gateway does not get on: \(log)") }
      try await Task.sleep(for: .microseconds(random.below(20_000)))
      child.send(SIGKILL)
      child.wait()
      result.leastAcknowledgedBetweenKills = min(result.leastAcknowledgedBetweenKills, Int(now - accepted))
      result.pendingAtKills += try pendingAlerts()
      child = try gateway.start()
      guard await gateway.waitUntilReady(child) else { throw KillFailure("the gateway does not get ready again: \(log)") }
      accepted = await gateway.metric("thuong_messages_accepted_total") ?? 0
      let again = try redeliveries()
      if again > 0 { result.killsBeforeAcknowledgement += 1 }
      result.redeliveries += again
    }
    isOver.withLock { $0 = true }
    try await sender.value
    result.offeredPerSecond = Double(ledgerCount) / Self.seconds(ContinuousClock.now - began)
    try await settle()
    child.end()
    #expect(child.exitCode == 0, "SIGTERM ends the gateway cleanly")
    return result
  }

  /// Ten thousand messages a second, in order, until the kills are over.
  private func startSender() -> Task<Void, any Error> {
    Task.detached { [self] in
      let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: broker.port))
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        Thread.detachNewThread {
          continuation.resume(with: Swift.Result { try self.send(publisher) })
        }
      }
    }
  }

  private func send(_ publisher: MQTTPublisher) throws {
    var city = RushHour(seed: seed)
    let began = ContinuousClock.now
    var count = 0
    while !isOver.withLock({ $0 }) {
      let message = city.next()
      _ = try publisher.publish(at: message.at, topic: message.topic, payload: message.payload)
      count += 1
      sent.withLock { $0 = count }
      let ahead = Double(count) / 10_000 - Self.seconds(ContinuousClock.now - began)
      if ahead > 0.002 { Thread.sleep(forTimeInterval: ahead) }
    }
    try publisher.flush(within: .seconds(60))
  }

  /// Until everything sent is committed and everything told is delivered.
  private func settle() async throws {
    let expected = Double(ledgerCount * RushHour.metrics.count)
    let isDone = await Bench.wait(seconds: 60) {
      let stored = await self.gateway.metric("thuong_readings_stored_total")
      let pending = await self.gateway.metric("thuong_events_pending")
      return stored == expected && pending == 0
    }
    if !isDone { print("not settled: stored \(await gateway.metric("thuong_readings_stored_total") ?? -1) of \(expected); \(log)") }
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }

  private var log: String { String(((try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "").suffix(2000)) }

  private func pendingAlerts() throws -> Int {
    let reader = try StoreReader(directory: gateway.storeDirectory)
    return try reader.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM life WHERE raised_at IS NULL") ?? 0 }
  }

  /// What the broker says that it sent again, with the DUP flag, since the last call.
  private func redeliveries() throws -> Int {
    let log = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(directory.path)/mosquitto.log"))
    defer { try? log.close() }
    try log.seek(toOffset: logRead.withLock { $0 })
    let text = try log.readToEnd() ?? Data()
    logRead.withLock { $0 += UInt64(text.count) }
    let sign = Data("Sending PUBLISH to thuong-demo (d1,".utf8)
    var count = 0
    var from = text.startIndex
    while let found = text.range(of: sign, in: from..<text.endIndex) {
      count += 1
      from = found.upperBound
    }
    return count
  }

  // MARK: Comparison with the ledger

  struct ReadingComparison { var stored = 0, missing = 0, foreign = 0 }

  /// `thuong export` against the sender's ledger, as multisets.
  func comparedReadings() throws -> ReadingComparison {
    let out = "\(directory.path)/export.ndjson"
    let export = try ChildProcess(Bench.executable, ["export", "--data", gateway.storeDirectory, "--out", out])
    export.wait()
    var balance: [String: Int] = [:]
    var result = ReadingComparison()
    for line in try String(contentsOfFile: out, encoding: .utf8).split(separator: "\n") {
      balance[String(line), default: 0] += 1
      result.stored += 1
    }
    var city = RushHour(seed: seed)
    for _ in 0..<ledgerCount {
      let message = city.next()
      let device = message.topic.split(separator: "/")[4]
      for (metric, value) in zip(RushHour.metrics, message.values) {
        let ts = message.at.milliseconds - 3
        balance[
          "{\"device\":\"\(device)\",\"metric\":\"\(metric)\",\"ts\":\(ts),\"value\":\(JSONWriter.number(value)),\"status\":\"00\"}",
          default: 0] -= 1
      }
    }
    for count in balance.values {
      if count > 0 { result.foreign += count } else { result.missing -= count }
    }
    return result
  }

  struct EventComparison { var alerts = 0, missing: [String] = [], foreign: [String] = [], different: [String] = [] }

  /// What the IOC got against an offline replay of the ledger, ids and all.
  func comparedEvents() throws -> EventComparison {
    let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: "\(directory.path)/Devices"))
    let book = try RuleFiles.load(directory: URL(fileURLWithPath: "\(directory.path)/Rules"), registry: registry)
    let store = try GatewayStore(directory: "\(directory.path)/replay", durability: .normal, sinks: [])
    let engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "demo"))
    var city = RushHour(seed: seed)
    var expected: [String: [UInt8]] = [:]
    var result = EventComparison()
    for number in 1...ledgerCount {
      let message = city.next()
      message.payload.withUnsafeBytes { payload in
        Array(message.topic.utf8).withUnsafeBytes { engine.message(MessageInput(topic: $0, payload: payload), at: message.at) }
      }
      guard number % 1000 == 0 || number == ledgerCount else { continue }
      for event in try store.commit(engine, realNow: LiveClock.wall) { expected[event.id] = event.body }
    }
    let told = box.events
    result.alerts = expected.count
    result.missing = expected.keys.filter { told[$0] == nil }
    result.foreign = told.keys.filter { expected[$0] == nil }
    result.different = expected.keys.filter { told[$0] != nil && told[$0] != expected[$0] }
    return result
  }
}

struct KillFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The events that the IOC took, by id.
final class TextBox: Sendable {
  private let taken = Mutex<[String: [UInt8]]>([:])
  var events: [String: [UInt8]] { taken.withLock { $0 } }
  func add(_ id: String, _ body: [UInt8]) { taken.withLock { $0[id] = body } }
}
