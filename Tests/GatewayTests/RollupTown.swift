import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Outbox
import Readings
import RuleEngine
import SeriesStore
import TestSupport
import Testing

/// A real store of devices that report every second, every minute and every quarter of an hour, so that their readings are sealed by the
/// quarter hour, the day and the fortnight; and what a plain dictionary makes of the same readings.
final class RollupTown {
  static let start = SimulatedTown.start
  static let day: Int64 = 86_400_000
  /// Midnight in Vietnam before the start.
  static let midnight = start - 7 * 3_600_000
  static let devices = ["second", "minute", "quarter"]
  static let metrics = ["a", "b"]
  static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)

  private static let registry = Result {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    var files = ["sites.yaml": "sites: [{id: s}]"]
    for (device, interval) in zip(devices, ["1s", "60s", "15m"]) {
      files["profiles/\(device).yaml"] =
        "{id: \(device), domain: power, interval: \(interval), metrics: {a: {unit: W, resolution: 0.001}, b: {unit: W, resolution: 0.001}}}"
    }
    files["town.yaml"] = "devices: [\(devices.map { "{id: \($0), profile: \($0), site: s}" }.joined(separator: ", "))]"
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }

  /// What one device says at one instant, of both metrics.
  struct Message {
    var ts: Int64
    var values: [Int64?]
    var status = "00"

    var json: String {
      let values = zip(metrics, values).map { "\"\($0)\":\($1.map { JSONWriter.number(Double($0) / 1000) } ?? "null")" }
      return "{\"ts\":\(ts),\"values\":{\(values.joined(separator: ","))},\"status\":\"\(status)\"}"
    }
  }

  private let temporary = Result { try TemporaryDirectory() }
  private let settings: EngineSettings
  private var opened: (store: GatewayStore, engine: Engine)?
  private(set) var model = BucketModel()

  private let sinks: [SinkFilter]

  /// - Parameters:
  ///   - retention: of readings.
  ///   - hasSink: events are kept for somebody.
  init(
    retention: Milliseconds = 100 * 365 * RollupTown.day, rollups: [Resolution: Milliseconds] = [:], hasSink: Bool = false
  ) throws {
    sinks = hasSink ? [SinkFilter(sink: "ioc")] : []
    var settings = EngineSettings(instance: "test")
    settings.rawRetention = retention
    settings.reachLeast = 60_000
    settings.rollupRetention = rollups
    self.settings = settings
    try open()
  }

  func directory() throws -> String { try temporary.get().path }

  private func open() throws {
    let registry = try Self.registry.get()
    let book = try RuleFiles.read(sources: [("Rules/none.yaml", "rules: []")], registry: registry)
    let store = try GatewayStore(directory: directory(), durability: .normal, sinks: sinks)
    store.logBytesMax = 0
    opened = (store, try store.openEngine(registry: registry, book: book, settings: settings))
  }

  var store: GatewayStore {
    guard let opened else { preconditionFailure("the store is open") }
    return opened.store
  }
  var engine: Engine {
    guard let opened else { preconditionFailure("the store is open") }
    return opened.engine
  }

  func reopen() throws {
    opened = nil
    try open()
  }

  // MARK: What happens

  /// Messages of a device, in the order given, that arrive at `at`; the model hears them too, unless they are too old.
  func send(_ device: String, _ messages: [Message], at: Int64) {
    for part in stride(from: 0, to: messages.count, by: 2000) {
      let part = messages[part..<min(messages.count, part + 2000)]
      let payload = Array("[\(part.map(\.json).joined(separator: ","))]".utf8)
      Array("thuong/v1/s/power/\(device)/telemetry".utf8).withUnsafeBytes { topic in
        payload.withUnsafeBytes { payload in
          engine.message(MessageInput(topic: topic, payload: payload), at: Timestamp(milliseconds: at))
        }
      }
    }
    for message in messages {
      for (metric, value) in zip(Self.metrics, message.values) {
        model.insert("\(device)/\(metric)", message.ts, BucketModel.Reading(thousandths: value, status: message.status))
      }
    }
  }

  func commit() throws { _ = try store.commit(engine, realNow: Timestamp(milliseconds: Self.start)) }

  /// Seals the ring that holds the oldest row of the log, sixteen spans of it at most.
  func sealOne() throws {
    try commit()
    try store.tend(engine, realNow: Timestamp(milliseconds: Self.start))
  }

  func sealAll() throws {
    try commit()
    try store.sealAll(engine, realNow: Timestamp(milliseconds: Self.start))
  }

  // MARK: What is there

  static let names = devices.flatMap { device in metrics.map { "\(device)/\($0)" } }

  func stored() throws -> StoredReadings { try StoredReadings(directory: directory(), priority: .niced) }

  /// What the store makes of steps of that length, by series in the order of `names`.
  static func points(_ stored: StoredReadings, in range: Range<Int64>, step: Int64) throws -> [[BucketModel.Point]] {
    let ids = names.map { name in stored.series.first { "\($0.device)/\($0.metric)" == name }?.id }
    return try stored.buckets(of: ids.compactMap { $0 }, in: range, steps: Steps(length: step)).map { buckets in
      buckets.map { bucket in
        BucketModel.Point(start: bucket.start, values: AggregateFunction.allCases.map { $0.value(of: bucket) })
      }
    }
  }

  /// The first answer of the store that is not the model's.
  func problem(_ questions: [(range: Range<Int64>, step: Int64)]) throws -> String? {
    let stored = try stored()
    for (range, step) in questions {
      let found = try Self.points(stored, in: range, step: step)
      for (name, found) in zip(Self.names, found) {
        let expected = model.points(name, in: range, step: step)
        if found == expected { continue }
        let first = zip(found, expected).first { $0 != $1 }.map { "\($0.0)\nnot\n\($0.1)" } ?? ""
        return "\(name), steps of \(step) in \(range): \(found.count) points, not \(expected.count)\n\(first)"
      }
    }
    return nil
  }

  /// What reading a row says of it; nil where it can be read, or is not there.
  func damaged(_ table: DamagedRow.Table, _ number: Int64) throws -> DamagedRow? {
    do {
      try store.file.read { db in
        switch table {
        case .chunk:
          let place = ChunkTable.place(of: number)
          guard let ring = try ChunkTable.rings(db).first(where: { $0.id == place.ring }) else { return }
          _ = try StoredSpan(ChunkTable.parts(ring: ring.id, span: place.span, db), ring: ring, span: place.span)
        case .rollup:
          guard let place = RollupTable.place(of: number) else { return }
          _ = try RollupTable.stored(place.resolution, ring: place.ring, row: place.row, db)?.buckets(of: [])
        }
      }
    } catch StoreError.damagedRow(let row) {
      return row
    }
    return nil
  }

  /// Steps that people ask for, over everything.
  func problem(_ steps: [Int64] = [60_000, 900_000, 3_600_000, day, 7 * day]) throws -> String? {
    try problem(steps.map { (model.extent, $0) })
  }

  /// The beginnings of the rows of a ring; nil: of readings.
  func rows(of device: String, _ resolution: Resolution?) throws -> [Int64] {
    let stored = try stored()
    let series = stored.series.first { $0.device == device }
    let all = -Int64(1 << 50)..<Int64(1 << 50)
    return try store.file.read { db in
      guard let number = series?.ring, let ring = try ChunkTable.rings(db).first(where: { $0.id == number }) else { return [] }
      guard let resolution else {
        return try ChunkTable.spans(ring: number, in: ChunkTable.everySpan, db).map { ring.range(of: $0).lowerBound }
      }
      return try RollupTable.stored(resolution, ring: number, in: all, db).map { RollupTable.range(of: $0, resolution).lowerBound }
    }
  }
}
