import Foundation
import Simulation

/// A real `thuong serve` behind a broker of its own; it lives through all rounds.
struct GatewayTurn {
  private let broker: PrivateBroker
  private let gateway: DemoGateway
  private let child: ChildProcess
  private let messages: Int
  private var accepted: Double = 0

  init(directory: TemporaryDirectory, messages: Int) async throws {
    self.messages = messages
    let home = try Self.folder(directory, "gateway")
    broker = try PrivateBroker(directory: home)
    let files = try BenchCity.write(into: URL(fileURLWithPath: home))
    var settings = DemoGateway.Settings(brokerPort: broker.port, sinkURL: nil, devices: files.devices, rules: files.rules)
    settings.clock = "gateway"
    settings.instance = "bench"
    gateway = try DemoGateway(executable: Machine.thuong, directory: home, settings: settings)
    child = try gateway.start()
    guard await gateway.waitUntilReady(child) else {
      end()
      throw BenchFailure("thuong serve does not get ready:\n\((try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "")")
    }
  }

  static func folder(_ directory: TemporaryDirectory, _ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: "\(directory.path)/\(name)", withIntermediateDirectories: true)
    return "\(directory.path)/\(name)"
  }

  func end() {
    child.end()
    broker.end()
  }

  /// From the sender's first byte until `/metrics` says that all are accepted, which it says after the commit.
  mutating func run() async throws -> LiveBench.Round {
    let goal = accepted + Double(messages)
    let usage = TurnUsage(receiver: child.id, broker: broker.processID)
    let sender = try ChildLines(["sender", "--port", "\(broker.port)", "--messages", "\(messages)"])
    let start = try sender.fields(after: "sending")[0]
    let end = try await waitUntilAccepted(goal, since: start)
    let senderCPU = try sender.fields(after: "sent")[1]
    sender.process.wait()
    let now = await gateway.metric("thuong_messages_accepted_total") ?? -1
    if now != goal { say("  the gateway counts \(Int(now)) messages, \(Int(goal)) were sent: this round is not sound") }
    accepted = goal
    return usage.round(messages: messages, from: start, to: end, sender: senderCPU)
  }

  /// Asks seldom while much is missing and every 5 ms at the end: asking costs the gateway time.
  private func waitUntilAccepted(_ goal: Double, since start: Double) async throws -> Double {
    while child.isRunning {
      guard let now = await gateway.metric("thuong_messages_accepted_total") else { throw BenchFailure("the gateway does not answer") }
      let at = Double(Machine.nanoseconds)
      if now >= goal { return at }
      let rate = (now - (goal - Double(messages))) / max(1, at - start)
      let left = rate > 0 ? (goal - now) / rate / 1e6 : 200
      try await Task.sleep(for: .milliseconds(max(5, min(200, left * 0.8))))
      if at - start > 300e9 { break }
    }
    throw BenchFailure("the gateway did not accept all messages")
  }

  func reportMemory() async throws {
    let readings = await gateway.metric("thuong_readings_stored_total") ?? 0
    let rejected =
      (await gateway.metric("thuong_readings_rejected_total") ?? 0) + (await gateway.metric("thuong_readings_duplicate_total") ?? 0)
    let store = await gateway.metric("thuong_store_bytes") ?? 0
    let memory = Machine.residentMegabytes(of: child.id)
    let commits = try await LiveCommits(of: gateway)
    say(
      "  gateway at the end: \(Int(readings)) readings stored (\(Int(rejected)) not); resident \(Shown.decimals(memory.now, 0)) MB, peak \(Shown.decimals(memory.peak, 0)) MB; "
        + "store \(Shown.decimals(store / 1_048_576, 0)) MB; \(Int(commits.count)) commits, \(Shown.decimals(accepted / max(1, commits.count), 0)) messages each"
    )
    commits.report()
  }
}

/// The do-nothing subscriber behind a broker of its own.
struct SubscriberTurn {
  private let broker: PrivateBroker
  private let child: ChildLines
  private let messages: Int

  init(directory: TemporaryDirectory, messages: Int) throws {
    self.messages = messages
    broker = try PrivateBroker(directory: try GatewayTurn.folder(directory, "subscriber"))
    child = try ChildLines(["subscriber", "--port", "\(broker.port)", "--every", "\(messages)"])
    _ = try child.fields(after: "subscribed")
  }

  func end() {
    child.process.end()
    broker.end()
  }

  /// From the sender's first byte until the subscriber's callback has seen all.
  func run() throws -> LiveBench.Round {
    let usage = TurnUsage(receiver: child.process.id, broker: broker.processID)
    let sender = try ChildLines(["sender", "--port", "\(broker.port)", "--messages", "\(messages)"])
    let start = try sender.fields(after: "sending")[0]
    let end = try child.fields(after: "received")[0]
    let senderCPU = try sender.fields(after: "sent")[1]
    sender.process.wait()
    return usage.round(messages: messages, from: start, to: end, sender: senderCPU)
  }
}
