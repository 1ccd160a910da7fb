import ArgumentParser
import Database
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import RuleEngine
import Simulation

struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs traces through the very same engine, on their own clock.",
    discussion: """
      Into a throw-away store, or the one that --data names (which then goes on from where it was). The same trace gives the same
      events, byte for byte, at any --batch. With --to it publishes the trace to a broker instead.

      With --expect the events are compared with those of a golden file by (type, rule, subject, severity, time), with --exact byte for \
      byte; what differs is printed, and the command exits 1. `--events GOLDEN` renews the file.

      A trace that was cut is replayed up to there; then the command says where, and exits 3. Ids of alerts and events hold the instance's
      name: bytes are the same, and commands of a trace find their alerts, with the `instance` that it was recorded with (--config).
      """)

  @Argument(help: ArgumentHelp("Traces, merged by \"at\": NDJSON, also .gz and .zst.", valueName: "trace"))
  var traces: [String]
  @OptionGroup var files: FileOptions
  @Option(help: "A data directory to replay into.")
  var data: String?
  @Option(help: "Inputs a commit.")
  var batch = 4096
  @Option(help: "Write every event as one CloudEvent a line; - for standard output.")
  var events: String?
  @Option(help: ArgumentHelp("Compare the events with this file, one CloudEvent a line.", valueName: "golden"))
  var expect: String?
  @Flag(help: "With --expect: all bytes, and the order.")
  var exact = false
  @Option(help: ArgumentHelp("Publish to this broker instead: mqtt://host:port", valueName: "url"))
  var to: String?
  @Option(help: "With --to: how many times faster than recorded, or max.")
  var speed = "1"

  func validate() throws {
    guard (1...1_000_000).contains(batch) else { throw ValidationError("--batch is 1 to 1000000") }
    guard to == nil || (events == nil && data == nil && expect == nil) else {
      throw ValidationError("--to publishes: --events, --expect and --data do not go with it")
    }
    guard expect != nil || !exact else { throw ValidationError("--exact goes with --expect GOLDEN") }
    guard SimulationPace(text: speed) != nil else { throw ValidationError("--speed is a number such as 60, or max") }
  }

  func run() throws {
    let reader = try TraceReader(files: traces.map { URL(fileURLWithPath: $0) })
    if let to { return try publish(reader, to) }
    let configuration = try files.load()
    let devices = try GatewayFiles.load(configuration)
    let temporary = data == nil ? try TemporaryDirectory(prefix: "thuong-replay") : nil
    let store = try GatewayStore(
      directory: data ?? temporary?.path ?? "", durability: data == nil ? .normal : configuration.durability, sinks: [])
    let engine = try store.openEngine(registry: devices.registry, book: devices.book, settings: devices.settings(configuration))
    let golden = try expect.map { try GoldenFile.load(URL(fileURLWithPath: $0)) }  // before --events may replace it
    let output = try events.map { try EventFile($0) }
    var found: [EventComparison.Line] = []
    if let clock = engine.clock { warnOfThePast(clock) }
    try run(reader, TraceReplay(engine: engine, store: store, configuration: configuration, batch: batch)) { record in
      try output?.append(record.body)
      if golden != nil, let line = EventComparison.Line(record.body) { found.append(line) }
    } ended: {
      try output?.close()
    }
    if let golden { try compare(found, with: golden) }
  }

  /// A trace that cannot be read to its end is replayed up to there, and is an error all the same.
  private func run(
    _ reader: TraceReader, _ replay: TraceReplay, event: (EventRecord) throws -> Void, ended: () throws -> Void
  ) throws {
    let (before, begun, progress) = (replay.engine.counters, ProcessUsage.now, ProgressLine())
    var fault: FileFault?
    do { try replay.run(reader, event: event, progress: { progress.show($0, "replaying") }) } catch let found as FileFault { fault = found }
    progress.end()
    try ended()
    report(replay.figures, before, replay.engine.counters, ProcessUsage.now.since(begun))
    if let fault { throw fault }
  }

  private static let differencesShown = 50

  private func compare(_ found: [EventComparison.Line], with golden: [EventComparison.Line]) throws {
    let differences = EventComparison.differences(expected: golden, found: found, exact: exact)
    for difference in differences.prefix(Self.differencesShown) { print(difference.text) }
    guard !differences.isEmpty else { return print("\(found.count) events, as in \(expect ?? "")") }
    let rest = differences.count - Self.differencesShown
    if rest > 0 { print("and \(rest) more") }
    throw CommandFailure(
      code: 1, "\(expect ?? ""): \(golden.count) events expected, \(found.count) found, \(differences.count) differences")
  }

  /// The engine's clock never goes back: what a trace of the past says comes late.
  private func warnOfThePast(_ clock: Timestamp) {
    guard let first = try? TraceReader(files: traces.map { URL(fileURLWithPath: $0) }).next(), first.at < clock else { return }
    FileHandle.standardError.write(
      Data("the store's clock is at \(clock.rfc3339), the trace begins at \(first.at.rfc3339): its inputs count as late\n".utf8))
  }

  private func report(_ figures: TraceReplay.Figures, _ before: Counters, _ after: Counters, _ used: ProcessUsage) {
    let readings = after.readingsStored - before.readingsStored
    let rejected = after.readingsRejected.reduce(0, +) - before.readingsRejected.reduce(0, +)
    let refused = after.messagesRejected.reduce(0, +) - before.messagesRejected.reduce(0, +)
    let rest = "\(after.readingsDuplicate - before.readingsDuplicate) duplicate, \(rejected) rejected; \(refused) messages rejected"
    let rate = used.cpuSeconds > 0 ? String(format: "%.2f", Double(readings) / used.cpuSeconds / 1e6) : "–"
    FileHandle.standardError.write(
      Data(
        "\(figures.lines) lines, \(readings) readings stored, \(rest), \(figures.events) events; \(String(format: "%.2f", used.wallSeconds)) s, \(String(format: "%.2f", used.cpuSeconds)) s of CPU, \(rate) M readings per CPU-second\n"
          .utf8))
    guard let first = figures.firstRefused else { return }
    FileHandle.standardError.write(
      Data(
        "\(figures.refused) commands refused, the first at \(first); was that recorded with another instance, rules or store?\n"
          .utf8))
  }

  private func publish(_ reader: TraceReader, _ url: String) throws {
    guard let address = BrokerAddress(url: url), let pace = SimulationPace(text: speed) else {
      throw CommandFailure(code: 2, "--to wants mqtt://host:port, got \(url)")
    }
    let publisher = try MQTTPublisher(address: address)
    let progress = ProgressLine()
    let count = try TracePublishing.run(to: publisher, pace: pace, next: { try nextMessage(reader) }) { count in
      progress.show(reader.progress.total > 0 ? Double(reader.progress.read) / Double(reader.progress.total) : 0, "\(count) published")
    }
    progress.end()
    print("\(count) messages published and acknowledged")
  }

  /// The next message; commands, clock and intake lines are the gateway's own and are not published.
  private func nextMessage(_ reader: TraceReader) throws -> SimulatedMessage? {
    while let line = try reader.next() {
      if case .message(let at, let topic, let payload, _) = line.input { return SimulatedMessage(at: at, topic: topic, payload: payload) }
    }
    return nil
  }
}
