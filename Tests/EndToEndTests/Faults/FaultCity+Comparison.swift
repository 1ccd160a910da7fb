import Database
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import RuleEngine
import Simulation

/// What the store holds against what the broker had acknowledged to the sender, as multisets.
struct ReadingComparison: CustomStringConvertible {
  var stored = 0
  /// Acknowledged to the sender, and not stored.
  var lost = 0
  /// Stored, and never sent or sent once less.
  var wrong = 0
  /// Some of what is lost or wrong.
  var examples: [String] = []

  var isRight: Bool { lost == 0 && wrong == 0 }
  var description: String { "\(stored) stored, \(lost) lost, \(wrong) wrong \(examples)" }
}

/// What the IOC got against an offline replay of everything sent, ids and all.
struct EventComparison: CustomStringConvertible {
  var expected = 0
  var missing = 0
  /// Told, and not expected: an alert raised twice has a second id.
  var doubled = 0
  /// Told under the right id with another body.
  var different = 0
  var examples: [String] = []

  var isRight: Bool { missing == 0 && doubled == 0 && different == 0 }
  var description: String { "\(expected) expected, \(missing) missing, \(doubled) doubled, \(different) different \(examples)" }
}

extension FaultCity {
  /// `thuong export` against the ledgers. What was sent and not acknowledged may be stored.
  func comparedReadings(_ senders: LoadSender...) async throws -> ReadingComparison {
    let out = "\(directory.path)/export.ndjson"
    let export = try ChildProcess(Bench.executable, ["export", "--data", gateway.storeDirectory, "--out", out])
    try await Bench.blocking { export.wait() }
    var balance: [String: Int] = [:]
    var result = ReadingComparison()
    for line in try String(contentsOfFile: out, encoding: .utf8).split(separator: "\n") {
      balance[String(line), default: 0] += 1
      result.stored += 1
    }
    for sender in senders {
      sender.eachMessage { at, topic, _, values, isAcknowledged in
        let device = topic.split(separator: "/")[4]
        let ts = at.milliseconds - 3
        for (metric, value) in zip(RushHour.metrics, values) {
          let line =
            "{\"device\":\"\(device)\",\"metric\":\"\(metric)\",\"ts\":\(ts),\"value\":\(JSONWriter.number(value)),\"status\":\"00\"}"
          if isAcknowledged || balance[line, default: 0] > 0 { balance[line, default: 0] -= 1 }
        }
      }
    }
    for (line, count) in balance where count != 0 {
      if count > 0 { result.wrong += count } else { result.lost -= count }
      if result.examples.count < 2 { result.examples.append("\(count > 0 ? "wrong" : "lost") \(line)") }
    }
    return result
  }

  /// The IOC's ledger against the events of an offline replay of the sender's.
  ///
  /// - Parameters:
  ///   - fields: what may differ, since it tells of arrival.
  ///   - commands: what operators said meanwhile, in order; each after the messages up to its instant.
  func comparedEvents(
    _ sender: LoadSender, but fields: [String] = [], commands: [(at: Timestamp, json: String)] = []
  ) throws -> EventComparison {
    let expected = try replayedEvents(sender, commands).mapValues { Self.text($0, without: fields) }
    let told = told.alerts.mapValues { Self.text($0, without: fields) }
    var result = EventComparison(expected: expected.count)
    for (id, body) in expected {
      guard let other = told[id] else {
        result.missing += 1
        if result.examples.count < 3 { result.examples.append("missing \(body)") }
        continue
      }
      guard other != body else { continue }
      result.different += 1
      if result.examples.count < 3 {
        result.examples.append("told \(other), expected \(body)")
      }
    }
    for (id, body) in told where expected[id] == nil {
      result.doubled += 1
      if result.examples.count < 3 { result.examples.append("not expected \(body)") }
    }
    return result
  }

  /// The event without the values of these fields.
  private static func text(_ body: [UInt8], without fields: [String]) -> String {
    var text = String(decoding: body, as: UTF8.self)
    for field in fields {
      guard let key = text.range(of: "\"\(field)\":"), let end = text[key.upperBound...].firstIndex(where: { ",}".contains($0) }) else {
        continue
      }
      text.removeSubrange(key.upperBound..<end)
    }
    return text
  }

  /// Waits until that many readings are stored, without asking the gateway.
  func waitForStored(_ count: Int) async throws {
    let export = ReadingExport(directory: gateway.storeDirectory)
    var stored = 0
    let isReached = try await Bench.wait(seconds: 60, every: Self.pause) {
      stored = try export.run { _ in }
      return stored >= count
    }
    if !isReached { throw KillFailure("the gateway does not get on: \(stored) of \(count) readings stored; \(log)") }
  }

  private func replayedEvents(_ sender: LoadSender, _ commands: [(at: Timestamp, json: String)]) throws -> [String: [UInt8]] {
    let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: "\(directory.path)/Devices"))
    let book = try RuleFiles.load(directory: URL(fileURLWithPath: "\(directory.path)/Rules"), registry: registry)
    let replay = try TemporaryDirectory(prefix: "thuong-replay")
    let store = try GatewayStore(directory: replay.path, durability: .normal, sinks: [])
    let engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "demo"))
    var events: [String: [UInt8]] = [:]
    var number = 0
    var rest = commands[...]
    func obey(before at: Timestamp) throws {
      while let command = rest.first, command.at < at {
        let outcome = engine.command(Array(command.json.utf8), at: command.at)
        guard outcome == .done else { throw KillFailure("replayed, \(command.json) is \(outcome)") }
        rest.removeFirst()
      }
    }
    try sender.eachMessage { at, topic, payload, _, _ in
      try obey(before: at)
      payload.withUnsafeBytes { payload in
        Array(topic.utf8).withUnsafeBytes { engine.message(MessageInput(topic: $0, payload: payload), at: at) }
      }
      number += 1
      if number % 1000 == 0 { for event in try store.commit(engine, realNow: LiveClock.wall) { events[event.id] = event.body } }
    }
    try obey(before: .distantFuture)
    for event in try store.commit(engine, realNow: LiveClock.wall) { events[event.id] = event.body }
    return events
  }
}
