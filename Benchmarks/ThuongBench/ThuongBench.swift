import ArgumentParser
import Foundation

@main
struct ThuongBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thuong-bench",
    abstract: "Measures the gateway on this machine, on real parts.",
    discussion: "Everything stays on 127.0.0.1. A missed budget is printed as MISSED and is no failure. See Benchmarks/README.md.",
    subcommands: [
      All.self, Live.self, Offline.self, Latency.self, Delivery.self, CommitTime.self, Chunk.self, Store.self, Ingest.self, Retention.self,
      Rules.self, Reload.self, Peers.self,
      Ask.self, Sender.self, Subscriber.self, Responder.self,
    ],
    defaultSubcommand: All.self)
}

struct All: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Every benchmark, one after the other (the default).")

  @Flag(help: "Offline: the whole day in place of two hours.")
  var full = false
  @Flag(help: "VictoriaMetrics and InfluxDB beside the store, as Debian has them.")
  var peers = false

  func run() async throws {
    try await LiveBench(rounds: 5, messages: 150_000).run()
    try await OfflineBench(hours: full ? 24 : 2).run()
    try await LatencyBench(probes: 1000, rate: 5000).run()
    try await DeliveryBench(events: 20_000, rounds: 5, probes: 200).run()
    try CommitBench(commits: 5000, rounds: 3).run()
    try ChunkBench(scale: 0.25).run()
    try IngestBench(scale: full ? 1 : 0.25).run()
    try RulesBench(hours: full ? 22.5 : 6.5).run()
    try StoreBench(hours: full ? 24 : 6, scale: 1).run()
    try ReloadBench(hours: 2, rounds: 9).run()
    if full { try RetentionBench(hours: 24, scale: 1).run() }
    if peers { try await PeersBench(hours: 24, scale: 1).run() }
    Budgets.tellMissed()
  }
}

struct Live: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Messages a second at QoS 1, committed, beside a do-nothing subscriber.")

  @Option var rounds = 5
  @Option(help: "Messages a round.")
  var messages = 150_000

  func run() async throws { try await LiveBench(rounds: rounds, messages: messages).run() }
}

struct Offline: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Readings per CPU-second of thuong replay.")

  @Flag(help: "The whole day.")
  var full = false
  @Option var hours = 2.0

  func run() async throws { try await OfflineBench(hours: full ? 24 : hours).run() }
}

struct Latency: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Publish to IOC, beside other messages.")

  @Option var probes = 1000
  @Option(help: "Other messages a second.")
  var rate = 5000

  func run() async throws { try await LatencyBench(probes: probes, rate: rate).run() }
}

struct Delivery: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Events a second out of a backlog, beside the same requests alone; and an IOC's latency beside dead ones.")

  @Option(help: "Events in the backlog.")
  var events = 20_000
  @Option var rounds = 5
  @Option(help: "Probes of a round of latency.")
  var probes = 200

  func run() async throws { try await DeliveryBench(events: events, rounds: rounds, probes: probes).run() }
}

struct CommitTime: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "commit", abstract: "Time of a commit of 8 kB.")

  @Option var commits = 5000
  @Option var rounds = 3

  func run() async throws { try CommitBench(commits: commits, rounds: rounds).run() }
}

struct Chunk: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "chunk", abstract: "Bytes a reading of the chunk codec, and its time.")

  @Option(help: "How much of the benchmark day's devices.")
  var scale = 0.25

  func run() async throws { try ChunkBench(scale: scale).run() }
}

struct Store: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bytes a reading, memory and starts of the series store, over the benchmark day.")

  @Option var hours = 24.0
  @Option(help: "How much of the benchmark day's devices.")
  var scale = 1.0

  func run() async throws { try StoreBench(hours: hours, scale: scale).run() }
}

struct Ingest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Decoded readings per CPU-second into the series store.")

  @Option(help: "How much of the benchmark day's devices.")
  var scale = 1.0

  func run() async throws { try IngestBench(scale: scale).run() }
}

struct Retention: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "The store's size, lap by lap, where readings are kept for two hours.")

  @Option var hours = 24.0
  @Option(help: "How much of the benchmark day's devices.")
  var scale = 1.0

  func run() async throws { try RetentionBench(hours: hours, scale: scale).run() }
}

struct Rules: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Nanoseconds a reading of the benchmark day's rules alone.")

  @Option(help: "Readings in memory before and while it is measured.")
  var hours = 22.5
  @Option(help: "Nothing but one run at so many times the devices, for a profiler.")
  var scale: Double?
  @Option(help: "Minutes of readings measured, fewer of many devices.")
  var minutes = 100

  func run() async throws { try RulesBench(hours: hours, scale: scale, minutes: minutes).run() }
}

struct Reload: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "The writer's pause while devices and rules are loaded anew.")

  @Option(help: "Readings in the store.")
  var hours = 2.0
  @Option var rounds = 9

  func run() async throws { try ReloadBench(hours: hours, rounds: rounds).run() }
}

struct Peers: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The benchmark day in VictoriaMetrics and InfluxDB, and here.",
    discussion: "Needs Debian's packages victoria-metrics and influxdb: packaging/install-dependencies.sh --peers")

  @Option var hours = 24.0
  @Option(help: "How much of the benchmark day's devices.")
  var scale = 1.0

  func run() async throws { try await PeersBench(hours: hours, scale: scale).run() }
}

struct Ask: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "query", abstract: "A fresh process that asks once.", shouldDisplay: false)

  @Option var data: String

  func run() async throws { try QueryBench(data: data).run() }
}
