import Foundation
import Readings
import Simulation

/// A gateway, its broker and a sender that keeps a ledger of what the broker acknowledged: all real, in a directory of its own.
final class LedgerCity {
  let directory: TemporaryDirectory
  let broker: PrivateBroker
  let gateway: DemoGateway
  /// The readings of every message that the broker acknowledged, as `thuong export` writes them.
  private(set) var ledger: [String] = []
  private var publisher: MQTTPublisher?
  private var volumes = 0

  /// - Parameters:
  ///   - clock: whose time counts: `gateway` or `sender`.
  ///   - sinkURL: where events go; nowhere by default.
  init(files: [String: String] = RushHour.files, clock: String = "gateway", sinkURL: String? = nil) throws {
    directory = try TemporaryDirectory(prefix: "thuong-fault")
    try Bench.write(files, in: directory.path)
    broker = try PrivateBroker(directory: directory.path)
    var settings = DemoGateway.Settings(
      brokerPort: broker.port, sinkURL: sinkURL, devices: URL(fileURLWithPath: "\(directory.path)/Devices"),
      rules: URL(fileURLWithPath: "\(directory.path)/Rules"))
    settings.clock = clock
    gateway = try DemoGateway(executable: Bench.executable, directory: directory.path, settings: settings)
  }

  deinit {
    publisher = nil
    broker.end()
  }

  var store: String { gateway.storeDirectory }
  var log: String { (try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "" }

  func start(under wrapper: [String] = []) async throws -> ChildProcess {
    let child = try gateway.start(under: wrapper)
    guard await gateway.waitUntilReady(child) else {
      child.end()
      throw KillFailure("the gateway does not get ready: \(log.suffix(1000))")
    }
    return child
  }

  /// A first start and end, after which the broker keeps what the gateway does not hear.
  func settleIn() async throws {
    try await start().end()
  }

  // MARK: The sender

  /// Sends them and waits until the broker has acknowledged all.
  func publish(_ messages: [SmallTown.Message]) throws {
    try sendAgain(messages)
    ledger += messages.flatMap(\.readings)
  }

  /// Sends what the ledger has already, or what is no reading.
  func sendAgain(_ messages: [SmallTown.Message]) throws {
    let publisher = try publisher ?? MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: broker.port))
    self.publisher = publisher
    for message in messages { try publisher.publish(at: message.at, topic: message.topic, payload: Array(message.payload.utf8)) }
    try publisher.flush(within: .seconds(30))
  }

  /// So many messages of one reading each, all different, of the two hundred detectors.
  func publish(_ count: Int) throws {
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    try publish(
      (0..<count).map { _ in
        defer { volumes += 1 }
        return SmallTown.message(
          at: now, device: RushHour.id(volumes % RushHour.devices), ts: now - 100_000 + Int64(volumes),
          values: [("volume", Double(volumes % 1000))])
      })
  }

  // MARK: What became of it

  /// True once everything acknowledged so far is stored; false where ten seconds were not enough.
  func isStored(seconds: Double = 10) async -> Bool {
    await Bench.wait(seconds: seconds) { await self.gateway.metric("thuong_readings_stored_total") == Double(self.ledger.count) }
  }

  /// True once `/readyz` names that problem.
  func says(_ problem: String, seconds: Double = 20) async -> Bool {
    await Bench.wait(seconds: seconds) { await self.gateway.get("/readyz")?.body.contains(problem) == true }
  }

  /// What is wrong after a start without faults, once everything had its time: nil where the store has the ledger and no more, the
  /// counters balance, every event is delivered, and the gateway ends cleanly.
  func problemInTheEnd() async throws -> String? {
    let child = try await start()
    defer { child.end() }
    let isStored = await isStored(seconds: 20)
    let isTold = await Bench.wait(seconds: 20) { await self.gateway.metric("thuong_events_pending") ?? 0 == 0 }
    let figure = { (name: String) async -> Double in await self.gateway.metric("thuong_\(name)_total") ?? -1 }
    let messages = (await figure("messages_received"), await figure("messages_accepted") + figure("messages_rejected"))
    let readings = (
      await figure("readings_received"), await figure("readings_stored") + figure("readings_duplicate") + figure("readings_rejected")
    )
    child.end()
    let stored = try await ThuongCommand.export(store).readings
    let balance = LineBalance(expected: ledger, found: stored)
    guard isStored, balance.isEven else { return "\(stored.count) stored of \(ledger.count): \(balance); \(log.suffix(500))" }
    if !isTold { return "events wait still; \(log.suffix(500))" }
    if messages.0 != messages.1 || readings.0 != readings.1 { return "the counters do not balance: \(messages), \(readings)" }
    return child.exitCode == 0 ? nil : "the end: exit \(child.exitCode); \(log.suffix(500))"
  }
}
