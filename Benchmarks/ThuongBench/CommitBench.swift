import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Readings
import RuleEngine
import Simulation

/// Time of a commit of the gateway's store: a log row of 8 kB, the counters, durable when it returns.
struct CommitBench {
  var commits: Int

  /// As many messages of 3 readings as fill 8 kB.
  private static let messagesInBatch = 233

  func run() throws {
    say(Machine.heading("commit: \(commits) batches of \(Self.messagesInBatch) messages, durability full"))
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let files = try BenchCity.write(into: directory.url)
    let registry = try RegistryFiles.load(directory: files.devices)
    let book = try RuleFiles.load(directory: files.rules, registry: registry)
    let store = try GatewayStore(directory: "\(directory.path)/store", durability: .full, sinks: [])
    let engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "bench"))
    let begun = LiveClock.wall.milliseconds
    var times: [Double] = []
    var number = 0
    for commit in 0..<(commits + commits / 10) {
      for _ in 0..<Self.messagesInBatch {
        step(engine, number, ts: begun + Int64(number / BenchCity.deviceCount) * 10)
        number += 1
      }
      let before = Machine.nanoseconds
      _ = try store.commit(engine, realNow: LiveClock.wall)
      if commit >= commits / 10 { times.append(Double(Machine.nanoseconds - before) / 1e6) }
    }
    let samples = Samples(times)
    let bytes = try StoreReader(directory: "\(directory.path)/store").read { db in
      try Double.fetchOne(db, sql: "SELECT avg(length(body)) FROM log") ?? 0
    }
    say(
      "  rows of \(Shown.decimals(bytes, 0)) bytes; median \(Shown.decimals(samples.median, 3)) ms, p99 \(Shown.decimals(samples.percentile(99), 3)) ms, max \(Shown.decimals(samples.largest, 2)) ms"
    )
  }

  private func step(_ engine: Engine, _ number: Int, ts: Int64) {
    let topic = Array(BenchCity.topic(number % BenchCity.deviceCount).utf8)
    let payload = Array(BenchCity.payload(number, ts: ts).utf8)
    topic.withUnsafeBytes { topic in
      payload.withUnsafeBytes { payload in
        engine.message(MessageInput(topic: topic, payload: payload), at: Timestamp(milliseconds: ts))
      }
    }
  }
}
