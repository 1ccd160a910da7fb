import Foundation
import Logging
import Outbox
import Readings
import Simulation
import Synchronization

/// `thuong serve` with broker and IOC, disturbed at one system call while a small town reports, then started again without a fault:
/// the store has what the sender's ledger has, and the IOC got the events of an undisturbed run.
final class ServeSweep: Sendable {
  /// What the IOC got: the bodies under each id.
  private final class Told: Sendable {
    private let bodies = Mutex<[String: Set<[UInt8]>]>([:])
    var events: [String: Set<[UInt8]>] { bodies.withLock { $0 } }
    func add(_ id: String, _ body: [UInt8]) { _ = bodies.withLock { $0[id, default: []].insert(body) } }
    func removeAll() { bodies.withLock { $0.removeAll() } }
  }

  /// How the reporting ended.
  private enum Outcome { case stored, ended, full, stuck }

  /// Messages between two looks at what is stored.
  private static let wave = 8
  private static let messages = SmallTown.messages(unnamed: true)

  /// How many calls of each name the busiest thread of the quiet run made.
  let counts: [String: Int]
  private let told = Told()
  private let iocTask: Task<Void, any Error>
  private let url: String
  private let expected: [String: Set<[UInt8]>]

  init() async throws {
    guard let secret = WebhookSecret(text: DemoGateway.secret) else { throw CocoaError(.coderInvalidValue) }
    var logger = Logger(label: "ioc")
    logger.logLevel = .critical
    let ioc = StandInIOC(
      secrets: [secret], logger: logger, wallClock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      handler: { [told] in told.add($0.id, $0.body) })
    iocTask = Task { try await ioc.run() }
    url = "http://127.0.0.1:\(try await ioc.boundPort())/events"
    let city = try LedgerCity(files: SmallTown.files, clock: "sender", sinkURL: url)
    expected = try await Self.replayed(in: city.directory.path)
    try await city.settleIn()
    let log = "\(city.directory.path)/calls"
    let child = try await city.start(under: SystemCallFault.counting(SystemCallFault.storeCalls + ["write"], in: log))
    let outcome = try await Self.report(city, child)
    child.end()
    counts = try await SystemCallFault.counts(in: log)
    let problem = try await problemInTheEnd(city)
    guard outcome == .stored, child.exitCode == 0, problem == nil, counts["pwrite64", default: 0] > 30 else {
      throw KillFailure("the quiet run is not as it should be: \(outcome), exit \(child.exitCode), \(problem ?? ""), \(counts)")
    }
  }

  deinit { iocTask.cancel() }

  /// The events of the ledger by an offline run.
  private static func replayed(in directory: String) async throws -> [String: Set<[UInt8]>] {
    try SmallTown.write(messages, to: "\(directory)/ledger.ndjson")
    let command = try await ThuongCommand(
      [
        "replay", "\(directory)/ledger.ndjson", "--devices", "\(directory)/Devices", "--rules", "\(directory)/Rules", "--events",
        "\(directory)/ledger.events",
      ], under: ["/usr/bin/env", "THUONG_INSTANCE=demo"])
    let lines = try String(contentsOfFile: "\(directory)/ledger.events", encoding: .utf8).split(separator: "\n")
    guard command.code == 0, lines.count == 2 * SmallTown.devices else { throw KillFailure("the offline run: \(command.text)") }
    var events: [String: Set<[UInt8]>] = [:]
    for line in lines {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      events[object?["id"] as? String ?? "", default: []].insert(Array(line.utf8))
    }
    return events
  }

  /// The town reports wave by wave, each once the one before is stored; without looking, once the gateway has ended or is full.
  private static func report(_ city: LedgerCity, _ child: ChildProcess) async throws -> Outcome {
    var outcome = Outcome.stored
    for start in stride(from: 0, to: messages.count, by: wave) {
      try city.publish(Array(messages[start..<start + wave]))
      if outcome != .stored { continue }
      outcome = .stuck
      _ = await Bench.wait(seconds: 20) {
        guard child.isRunning else {
          outcome = .ended
          return true
        }
        if await city.gateway.metric("thuong_readings_stored_total") == Double(city.ledger.count) { outcome = .stored }
        if await city.gateway.get("/readyz")?.body.contains("disk_full") == true { outcome = .full }
        return outcome != .stuck
      }
    }
    return outcome
  }

  /// What is wrong after a run that met that fault; nil where nothing is.
  func problem(after fault: SystemCallFault) async throws -> String? {
    told.removeAll()
    let city = try LedgerCity(files: SmallTown.files, clock: "sender", sinkURL: url)
    try await city.settleIn()
    let child = try city.gateway.start(under: fault.wrapper)
    let outcome = try await Self.report(city, child)
    let began = ContinuousClock.now
    child.end(within: 20)
    if ContinuousClock.now - began > .seconds(10) { return "the end took \(ContinuousClock.now - began)" }
    if let problem = Self.problem(of: outcome, child.exitCode, city, after: fault) { return problem }
    return try await problemInTheEnd(city)
  }

  private static func problem(of outcome: Outcome, _ code: Int32, _ city: LedgerCity, after fault: SystemCallFault) -> String? {
    if outcome == .stuck { return "neither stored, ended nor full: \(city.log.suffix(500))" }
    // Threads share the work anew in each run: a late call may not come.
    if code == 0 { return nil }
    if fault.effect == .kill { return code == 128 + SIGKILL ? nil : "exit \(code): \(city.log.suffix(500))" }
    guard code == 3, city.log.contains("start again") else { return "exit \(code): \(city.log.suffix(500))" }
    return nil
  }

  private func problemInTheEnd(_ city: LedgerCity) async throws -> String? {
    if let problem = try await city.problemInTheEnd() { return problem }
    let events = told.events
    if events == expected { return nil }
    let missing = expected.keys.filter { events[$0] == nil }.count
    let foreign = events.keys.filter { expected[$0] == nil }.count
    return "\(missing) events missing, \(foreign) foreign, \(events.values.filter { $0.count > 1 }.count) of two kinds"
  }
}
