import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Outbox
import Readings
import RuleEngine
import TestSupport

/// A short life of the gateway's store: what goes in, commit by commit, always the same.
enum SweptLife {
  enum Input {
    case message(device: String, payload: String, at: Int64)
    case clock(at: Int64)
    case intake(up: Bool, at: Int64)
    case gap(from: Int64, to: Int64)
  }

  enum Step {
    case commit([Input], [DeliveryMark])
    /// The store is closed as at a clean end, and opened again.
    case reopen
  }

  /// A whole minute.
  static let start: Int64 = 1_763_683_200_000

  static let rules = """
    rules:
      - {id: slow, when: last(speed) < 10, severity: major}
      - {id: silent, when: age(speed) > 2m, severity: minor}
      - {id: jam, when: "mean(speed, 3m) < 20", hold: 1m, severity: critical}
    """

  private static func speed(_ device: String, _ value: Int, _ at: Int64) -> Input {
    .message(device: device, payload: #"{"values":{"speed":\#(value)}}"#, at: at)
  }

  private static func mark(_ sequence: Int64, _ outcome: DeliveryMark.Outcome) -> DeliveryMark {
    DeliveryMark(sink: "ioc", sequence: sequence, attempts: 1, outcome: outcome)
  }

  static let steps: [Step] = [
    .commit([.intake(up: true, at: 0), speed("tr-1", 50, 0), speed("tr-2", 40, 700)], []),
    .commit([speed("tr-1", 5, 10_000), speed("tr-2", 6, 11_000), .message(device: "tr-1", payload: "{broken", at: 11_500)], []),
    .commit([.gap(from: 5000, to: 11_500)], []),
    .commit([speed("tr-1", 60, 30_000), .clock(at: 200_000)], [mark(1, .delivered)]),
    .reopen,
    .commit((0..<30).map { speed("tr-2", 30 + $0 % 9, 210_000 + Int64($0) * 100) }, []),
    .commit([], [mark(2, .delivered), mark(3, .dead(.rejected, error: "400"))]),
    .commit(
      [.intake(up: false, at: 220_000), speed("tr-9", 1, 221_000), speed("tr-1", 44, 222_000)],
      [mark(4, .retryLater(nextAt: later, error: "503"))]),
  ]

  private static var later: Timestamp { Timestamp(milliseconds: start + 260_000) }

  static let commits = steps.filter { if case .commit = $0 { true } else { false } }.count

  static let book = Result { try RuleFiles.read(sources: [("Rules/swept.yaml", rules)], registry: registry.get()) }

  static let registry = Result {
    let directory = try TemporaryDirectory()
    let root = URL(filePath: directory.path)
    try FileManager.default.createDirectory(at: root.appending(path: "profiles"), withIntermediateDirectories: true)
    let files = [
      "profiles/radar.yaml":
        "{id: radar, domain: traffic, interval: 60s, metrics: {speed: {unit: km/h, range: [0, 250], resolution: 0.1}}}",
      "sites.yaml": "sites: [{id: s}]",
      "town.yaml": "devices: [{id: tr-1, profile: radar, site: s}, {id: tr-2, profile: radar, site: s}]",
    ]
    for (path, text) in files { try Data(text.utf8).write(to: root.appending(path: path)) }
    return try withExtendedLifetime(directory) { try RegistryFiles.load(directory: root) }
  }
}

/// The gateway's store and engine on a simulated disk, as a process of their own would have them.
final class SweptStore {
  let store: GatewayStore
  let engine: Engine

  /// - Parameter checkpoint: pages that the log grows by until it is copied into the file.
  init(_ disk: SimulatedDisk, checkpoint: Int = 24) throws {
    let registry = try SweptLife.registry.get()
    let book = try SweptLife.book.get()
    store = try GatewayStore(directory: disk.path, durability: .full, sinks: [SinkFilter(sink: "ioc")])
    store.file.logPagesUncopiedMax = checkpoint
    engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "swept"))
  }

  /// What the engine and the store hold, the bytes of every row among it.
  func state() throws -> [String] {
    try ["\(String(describing: engine.clock)) \(engine.isDoubtful) \(engine.counters)"]
      + Self.rows(store.file)
  }

  static func rows(_ file: StoreFile) throws -> [String] {
    try file.read { db in try String.fetchAll(db.cachedStatement(sql: everything.get())) }
  }

  /// A query for every row of every table, as text.
  private static let everything = Result {
    let disk = try SimulatedDisk(seed: 0)
    let tables = try SweptStore(disk).store.file.read { db in
      try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").map { table in
        let columns = try db.columns(in: table).map { "quote(\"\($0.name)\")" }.joined(separator: "||' '||")
        return "SELECT '\(table) '||\(columns) FROM \"\(table)\""
      }
    }
    return tables.joined(separator: " UNION ALL ")
  }

  func feed(_ inputs: [SweptLife.Input]) {
    func time(_ after: Int64) -> Timestamp { Timestamp(milliseconds: SweptLife.start + after) }
    for input in inputs {
      switch input {
      case .message(let device, let payload, let at):
        Array("thuong/v1/s/traffic/\(device)/telemetry".utf8).withUnsafeBytes { topic in
          Array(payload.utf8).withUnsafeBytes { payload in
            engine.message(MessageInput(topic: topic, payload: payload), at: time(at))
          }
        }
      case .clock(let at): engine.clock(at: time(at))
      case .intake(let up, let at): engine.intake(up: up, at: time(at))
      case .gap(let from, let to): engine.gap(cause: "session_lost", from: time(from), to: time(to), detail: "swept")
      }
    }
  }

  func commit(_ marks: [DeliveryMark], number: Int) throws(StoreError) {
    _ = try store.commit(engine, marks: marks, realNow: Timestamp(milliseconds: SweptLife.start + Int64(number) * 1000))
    try store.tend(engine, realNow: Timestamp(milliseconds: SweptLife.start))
  }
}
