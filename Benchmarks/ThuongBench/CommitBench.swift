import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Readings
import RuleEngine
import Simulation

/// Time of a commit of the gateway's store: a log row of 8 kB, the counters, durable when it returns. Alone, then beside readers.
struct CommitBench {
  var commits: Int
  var rounds: Int

  private static let readers = 2

  func run() throws {
    say(Machine.heading("commit: \(commits) batches of \(messagesInBatch) messages, durability full"))
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    try probeDisk(in: directory.path)
    let files = try BenchCity.write(into: directory.url)
    let registry = try RegistryFiles.load(directory: files.devices)
    let book = try RuleFiles.load(directory: files.rules, registry: registry)
    let place = "\(directory.path)/store"
    let store = try GatewayStore(directory: place, durability: .full, sinks: [])
    let engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "bench"))
    var batches = Batches(engine: engine, store: store, begun: LiveClock.wall.milliseconds)
    let reader = try StoreReader(directory: place)

    _ = try batches.commit(commits / 10)  // warm-up
    var (tails, slowdowns): ([Double], [Double]) = ([], [])
    for round in 1...rounds {
      let alone = try batches.commit(commits)
      show("\(round) alone", alone)
      let heavy = try HeavyReaders(directory: place, count: Self.readers)
      let beside = try batches.commit(commits)
      let read = heavy.end()
      show("\(round) beside \(Self.readers) readers", beside)
      say("    meanwhile \(read.exported) readings exported, \(read.ranges) ranges of 256 rows read")
      tails.append(alone.times.percentile(99) / alone.times.median)
      slowdowns.append(beside.times.percentile(99) / alone.times.percentile(99))
    }
    let bytes = try reader.read { db in try Double.fetchOne(db, sql: "SELECT avg(length(body)) FROM log") ?? 0 }
    say("  rows of \(Shown.decimals(bytes, 0)) bytes; medians of the rounds:")
    report(tail: Samples(tails).median, slowdown: Samples(slowdowns).median)
  }

  private func report(tail: Double, slowdown: Double) {
    Budgets.tell("commit/tail", tail, places: 2)
    Budgets.tell("commit/beside-readers", slowdown, places: 2)
  }

  private func show(_ name: String, _ commits: Commits) {
    let (times, copies) = (commits.times, commits.copies)
    let line =
      "p50 \(Shown.decimals(times.median, 3)) ms, p99 \(Shown.decimals(times.percentile(99), 3)) ms, max \(Shown.decimals(times.largest, 2)) ms"
    say("  \(name): \(line)")
    say(
      "    write-ahead log at most \(Shown.decimals(Double(commits.logBytesMax) / 1_048_576, 1)) MB; between commits copied or sealed \(copies.count) times, "
        + "p50 \(Shown.decimals(copies.median, 1)) ms, max \(Shown.decimals(copies.largest, 1)) ms")
  }

  /// What the disk itself takes for 8 kB written over and synced: the floor of every commit here.
  private func probeDisk(in directory: String) throws {
    let descriptor = open("\(directory)/probe", O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0 else { throw BenchFailure("no file can be made in \(directory)") }
    defer { close(descriptor) }
    let block = [UInt8](repeating: 0xaa, count: 8192)
    for slot in 0..<512 { pwrite(descriptor, block, block.count, off_t(slot * block.count)) }
    fsync(descriptor)
    var times: [Double] = []
    for number in 0..<2000 {
      let before = Machine.nanoseconds
      pwrite(descriptor, block, block.count, off_t(number % 512 * block.count))
      fdatasync(descriptor)
      times.append(Double(Machine.nanoseconds - before) / 1e6)
    }
    let samples = Samples(times)
    say(
      "  the disk itself, 8 kB overwritten and synced: p50 \(Shown.decimals(samples.median, 3)) ms, p99 \(Shown.decimals(samples.percentile(99), 3)) ms"
    )
  }
}

/// As many messages of 3 readings as fill 8 kB.
private let messagesInBatch = 233

/// What commits took, in milliseconds, and the copying of the write-ahead log between them; how large that became.
private struct Commits {
  var times: Samples
  var copies: Samples
  var logBytesMax: Int64
}

/// Messages of the bench's city, stepped and committed.
private struct Batches {
  let engine: Engine
  let store: GatewayStore
  let begun: Int64
  private var number = 0

  init(engine: Engine, store: GatewayStore, begun: Int64) { (self.engine, self.store, self.begun) = (engine, store, begun) }

  mutating func commit(_ count: Int) throws -> Commits {
    var (times, copies): ([Double], [Double]) = ([], [])
    var log: Int64 = 0
    for _ in 0..<count {
      for _ in 0..<messagesInBatch { step() }
      let before = Machine.nanoseconds
      _ = try store.commit(engine, realNow: LiveClock.wall)
      let after = Machine.nanoseconds
      times.append(Double(after - before) / 1e6)
      try store.tend(engine, realNow: LiveClock.wall)
      let tended = Double(Machine.nanoseconds - after) / 1e6
      if tended > 0.05 { copies.append(tended) }
      log = max(log, store.file.logBytes)
    }
    return Commits(times: Samples(times), copies: Samples(copies), logBytesMax: log)
  }

  private mutating func step() {
    let ts = begun + Int64(number / BenchCity.deviceCount) * 10
    let topic = Array(BenchCity.topic(number % BenchCity.deviceCount).utf8)
    let payload = Array(BenchCity.payload(number, ts: ts).utf8)
    number += 1
    topic.withUnsafeBytes { topic in
      payload.withUnsafeBytes { payload in
        engine.message(MessageInput(topic: topic, payload: payload), at: Timestamp(milliseconds: ts))
      }
    }
  }
}
