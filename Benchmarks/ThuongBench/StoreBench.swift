import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import RuleEngine
import Simulation

/// The series store over the benchmark day: bytes a reading by SQLite's own count of its pages, memory at its most, and how long a start
/// takes after a clean end and after kill -9.
struct StoreBench {
  var hours: Double
  var scale: Double

  func run() throws {
    say(Machine.heading("store: thuong replay into a store that stays, \(Shown.decimals(hours, 1)) hours, no rules"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let replay = try Replay(in: directory.path)
    try "".write(toFile: "\(directory.path)/nothing.ndjson", atomically: true, encoding: .utf8)
    for seed in [7, 8] {
      let trace = "\(directory.path)/day.ndjson"
      try BenchDay.writeTrace(to: trace, hours: hours, seed: seed, scale: scale)
      try measure(replay, trace, seed)
    }
  }

  /// As a gateway does that ends.
  static func seal(_ directory: String, _ replay: Replay) throws {
    let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: replay.devices))
    let book = try RuleFiles.read(sources: [], registry: registry)
    let store = try GatewayStore(directory: directory, durability: .full, sinks: [])
    let engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "bench"))
    let begun = Machine.nanoseconds
    try store.sealAll(engine, realNow: LiveClock.wall)
    store.file.checkpoint()
    say("  the rest sealed in \(Shown.decimals(Double(Machine.nanoseconds - begun) / 1e9, 2)) s")
  }

  private func measure(_ replay: Replay, _ trace: String, _ seed: Int) throws {
    let store = "\(replay.directory)/store-\(seed)"
    let whole = try replay.run(trace, into: store)
    say("  seed \(seed): \(whole.said)")
    try Self.seal(store, replay)
    let pages = try Pages(store: store)
    let readings = Double(whole.readings)
    let each = Double(pages.chunks) / readings
    Budgets.tell("store/bytes", each, places: 4)
    Budgets.tell("store/payload", Double(pages.payload) / readings, places: 4)
    say(
      "  whole file \(Shown.decimals(Double(pages.file) / readings, 4)); \(pages.rows) rows of \(pages.payload / max(1, pages.rows)) bytes; rollups apart \(Shown.decimals(Double(pages.rollups) / readings, 4))"
    )
    Budgets.tell("store/memory", whole.peak, places: 0)
    let nothing = "\(replay.directory)/nothing.ndjson"
    let clean = try replay.run(nothing, into: store)
    Budgets.tell("store/open-clean", clean.seconds, places: 2)
    let asked = try QueryBench.measure(store)
    Budgets.tell(
      "store/query", asked.means, places: 1,
      " of \(asked.series) series; hourly means \(Shown.decimals(asked.hours, 1)) ms; opened in \(Shown.decimals(asked.open, 0)) ms")
    // Killed when nearly everything is committed: the log is at its longest.
    let killed = "\(replay.directory)/killed-\(seed)"
    try replay.run(trace, into: killed, killAfter: whole.seconds * 0.9)
    let again = try replay.run(nothing, into: killed)
    Budgets.tell("store/open-killed", again.seconds, places: 2, ", \(Shown.decimals(again.peak, 0)) MB")
    for path in [store, killed] { try FileManager.default.removeItem(atPath: path) }
  }
}

/// What SQLite says of its pages.
private struct Pages {
  /// Bytes of all pages of the tables of chunks and rings, and of those that are free.
  var chunks = 0
  var payload = 0
  /// Bytes of all pages of the table of rollups.
  var rollups = 0
  var rows = 0
  var file = 0

  init(store: String) throws {
    var configuration = Configuration()
    configuration.readonly = true
    let queue = try DatabaseQueue(path: "\(store)/thuong.sqlite", configuration: configuration)
    try queue.read { db in
      chunks = try Int.fetchOne(db, sql: "SELECT sum(pgsize) FROM dbstat WHERE name IN ('chunk', 'ring')") ?? 0
      rollups = try Int.fetchOne(db, sql: "SELECT sum(pgsize) FROM dbstat WHERE name = 'rollup'") ?? 0
      let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
      let size = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
      file = (try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0) * size
      chunks += free * size
      payload = try Int.fetchOne(db, sql: "SELECT sum(length(body)) FROM chunk") ?? 0
      rows = try Int.fetchOne(db, sql: "SELECT count(*) FROM chunk") ?? 0
    }
  }
}
