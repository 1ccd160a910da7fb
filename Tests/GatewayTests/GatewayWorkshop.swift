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

  private(set) var registry: Registry
  private(set) var book: RuleBook
  private let directory: TemporaryDirectory
  private var sinks: [SinkFilter]
  private var opened: (store: GatewayStore, engine: Engine)?
  /// Every event that was committed, in order.
  private(set) var events: [EventRecord] = []

  /// Seals after so many bytes of log, and keeps no more than it must in memory; nil: as ever.
  private let sealsAfter: Int64?
  private let retention: Milliseconds

  init(
    rules: String = "rules: []", registry: Registry? = nil, sealsAfter: Int64? = nil, retention: Milliseconds = 400 * 86_400_000,
    sinks: [SinkFilter] = [SinkFilter(sink: "ioc")]
  ) throws {
    (self.sealsAfter, self.retention, self.sinks) = (sealsAfter, retention, sinks)
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
    var settings = EngineSettings(instance: "test")
    settings.rawRetention = retention
    if let sealsAfter {
      store.logBytesMax = sealsAfter
      settings.reachLeast = 60_000
    }
    opened = (store, try store.openEngine(registry: registry, book: book, settings: settings))
  }

  /// As if the process had been killed: what was not committed is gone.
  func reopen() throws {
    opened = nil
    try open()
  }

  /// The same with other sinks.
  func reopen(sinks: [SinkFilter]) throws {
    self.sinks = sinks
    try reopen()
  }

  /// The same with other rules, or other devices.
  func reopen(rules: String, registry: Registry? = nil) throws {
    if let registry { self.registry = registry }
    book = try RuleFiles.read(sources: [("Rules/test.yaml", rules)], registry: self.registry)
    try reopen()
  }

  func backUp(to path: String) throws { _ = try StoreBackup.make(of: directory.path, at: path, copied: { _ in }, checked: { _ in }) }

  /// The backup becomes the store, while the wall clock says `wall` (nil: the right time), and a gateway starts that tells of it at `at`.
  func restore(from path: String, wall: Int64? = nil, at: Int64) throws {
    opened = nil
    _ = try StoreRestore.run(
      from: path, into: directory.path, replaces: true, now: Self.time(wall ?? at), copied: { _ in }, checked: { _ in })
    try open()
    engine.clock(at: Self.time(at))
    store.tellOfRestores(engine)
    try commit()
  }

  func commit() throws {
    events += try store.commit(engine, realNow: Timestamp(milliseconds: Self.start))
    if sealsAfter != nil { try store.tend(engine, realNow: Timestamp(milliseconds: Self.start)) }
  }

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

  @discardableResult
  func command(_ json: String, at: Int64) -> CommandOutcome { engine.command(Array(json.utf8), at: Self.time(at)) }

  func clock(at: Int64) { engine.clock(at: Self.time(at)) }

  static func time(_ after: Int64) -> Timestamp { Timestamp(milliseconds: start + after) }

  func topic(_ device: String) -> String {
    guard let index = registry.deviceIndex(device) else { return "thuong/v1/s/traffic/\(device)/telemetry" }
    return "thuong/v1/\(registry.subject(of: index))/telemetry"
  }

  // MARK: What became of them

  /// Every reading in the log, in the order in which it was stored: `tr-1/speed@500=42.5`, and its status unless it is good, `moved` where
  /// it was.
  func stored() throws -> [String] {
    let store = store
    var names: [UInt32: String] = [:]
    for series in try store.file.read({ try SeriesTable.all($0) }) { names[series.id.index] = "\(series.device)/\(series.metric)" }
    var visitor = LogReadings(names: names)
    _ = try store.file.read { try SeriesLog.read($0, into: &visitor) }
    return visitor.readings
  }

  /// The same of everything that is stored, in the log or in chunks, in order of series and ts.
  func everythingStored() throws -> [String] {
    var all: [(name: String, ts: Int64, text: String)] = []
    try StoredReadings(directory: directory.path).visit { series, chunk in
      let name = "\(series.device)/\(series.metric)"
      for place in chunk.times.indices {
        let quality = Quality(byte: chunk.column.qualities[place])
        all.append((name, chunk.times[place], LogReadings.text(name, chunk.times[place], chunk.column.values[place], quality)))
      }
    }
    return all.sorted { ($0.name, $0.ts) < ($1.name, $1.ts) }.map(\.text)
  }

  private struct LogReadings: LogVisitor {
    let names: [UInt32: String]
    var readings: [String] = []

    mutating func reading(_ reading: Reading) {
      readings.append(Self.text(names[reading.series.index] ?? "?", reading.ts.milliseconds, reading.value, reading.quality))
    }

    static func text(_ name: String, _ ts: Int64, _ value: Double, _ quality: Quality) -> String {
      var text = "\(name)@\(ts - GatewayWorkshop.start)"
      if !value.isNaN { text += "=\(JSONWriter.number(value))" }
      if !quality.isGood { text += " \(quality.text)" }
      if quality.isMoved { text += " moved" }
      return text
    }
  }

  func alerts() throws -> [AlertRecord] {
    try store.file.read { try AlertTable.page(before: nil, limit: 100_000, $0) }
  }
  func transitions(of alert: String) throws -> [TransitionRecord] { try store.file.read { try AlertTable.transitions(of: alert, $0) } }
  func silences() throws -> [Silence] { try store.file.read { try SilenceTable.all($0) } }
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
