import Alerting
import Database
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import RuleEngine
import SeriesStore
import TestSupport

/// A real engine on a real store in a directory of its own, fed by hand.
final class GatewayWorkshop {
  static let start = SimulatedTown.start

  let registry: Registry
  let book: RuleBook
  private let directory: TemporaryDirectory
  private let sinks = [SinkFilter(sink: "ioc")]
  private var opened: (store: GatewayStore, engine: Engine)?
  /// Every event that was committed, in order.
  private(set) var events: [EventRecord] = []

  init(rules: String = "rules: []", registry: Registry? = nil) throws {
    directory = try TemporaryDirectory()
    self.registry = try registry ?? Self.town()
    book = try RuleFiles.read(sources: [("Rules/test.yaml", rules)], registry: self.registry)
    try open()
  }

  var store: GatewayStore {
    guard let opened else { preconditionFailure("the store is open") }
    return opened.store
  }
  var engine: Engine {
    guard let opened else { preconditionFailure("the store is open") }
    return opened.engine
  }
  var counters: Counters { engine.counters }

  private func open() throws {
    let store = try GatewayStore(directory: directory.path, durability: .normal, sinks: sinks)
    opened = (store, try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "test")))
  }

  /// As if the process had been killed: what was not committed is gone.
  func reopen() throws {
    opened = nil
    try open()
  }

  func commit() throws { events += try store.commit(engine, realNow: Timestamp(milliseconds: Self.start)) }

  // MARK: Inputs, at milliseconds after the start

  func send(_ payload: String, from device: String = "tr-1", at: Int64, retain: Bool = false, packet: UInt16 = 0) {
    send(Array(payload.utf8), topic: topic(device), at: at, retain: retain, packet: packet)
  }

  func send(_ payload: [UInt8], topic: String, at: Int64, retain: Bool = false, packet: UInt16 = 0) {
    Array(topic.utf8).withUnsafeBytes { topic in
      payload.withUnsafeBytes { payload in
        engine.message(MessageInput(topic: topic, payload: payload, retain: retain, packet: packet), at: Self.time(at))
      }
    }
  }

  func clock(at: Int64) { engine.clock(at: Self.time(at)) }

  static func time(_ after: Int64) -> Timestamp { Timestamp(milliseconds: start + after) }

  func topic(_ device: String) -> String {
    guard let index = registry.deviceIndex(device) else { return "thuong/v1/s/traffic/\(device)/telemetry" }
    return "thuong/v1/\(registry.subject(of: index))/telemetry"
  }

  // MARK: What became of them

  /// A reading in the log, in the order in which it was stored: `tr-1/speed@500=42.5`, and its status unless it is good, `moved` where it was.
  func stored() throws -> [String] {
    let store = store
    var names: [UInt32: String] = [:]
    for series in try store.file.read({ try SeriesTable.all($0) }) { names[series.id.index] = "\(series.device)/\(series.metric)" }
    var visitor = StoredReadings(names: names)
    _ = try store.file.read { try SeriesLog.read($0, into: &visitor) }
    return visitor.readings
  }

  private struct StoredReadings: LogVisitor {
    let names: [UInt32: String]
    var readings: [String] = []

    mutating func reading(_ reading: Reading) {
      var text = "\(names[reading.series.index] ?? "?")@\(reading.ts.milliseconds - GatewayWorkshop.start)"
      if reading.hasValue { text += "=\(JSONWriter.number(reading.value))" }
      if !reading.quality.isGood { text += " \(reading.quality.text)" }
      if reading.quality.isMoved { text += " moved" }
      readings.append(text)
    }
  }

  func alerts() throws -> [AlertRecord] {
    try store.file.read { try AlertTable.page(state: nil, before: nil, limit: 100_000, $0) }
  }
  func lives() throws -> [StoredLife] { try store.file.read { try AlertTable.lives($0) } }

  /// The events so far: `raised@90000` with its T after the start.
  func told() throws -> [String] {
    try events.map { event in
      let json = try JSONSerialization.jsonObject(with: Data(event.body)) as? [String: Any]
      let type = (json?["type"] as? String)?.split(separator: ".").last ?? "?"
      let time = (json?["time"] as? String).flatMap { Timestamp(rfc3339: $0) }
      return "\(type)@\(time.map { $0.milliseconds - Self.start } ?? -1)"
    }
  }

  // MARK: The town

  static func town() throws -> Registry {
    let directory = try SimulatedTown.directory()
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: URL(filePath: directory.path)) }
  }
}

extension Counters {
  /// By the reasons' names, only those that are not zero.
  func rejectedMessages() -> [String: Int64] { Self.named(messagesRejected) }
  func rejectedReadings() -> [String: Int64] { Self.named(readingsRejected) }

  private static func named(_ counts: [Int64]) -> [String: Int64] {
    var found: [String: Int64] = [:]
    for reason in RejectReason.allCases where counts[Int(reason.rawValue)] != 0 { found[reason.name] = counts[Int(reason.rawValue)] }
    return found
  }
}
