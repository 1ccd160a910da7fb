import Database
import Foundation
import Readings
import SeriesStore
import Simulation

/// Decoded readings into the series store, on one core: append, log, seal with rollups, cut the log; committed every 4,096 messages.
struct IngestBench {
  static let messagesInCommit = 4096
  var scale: Double

  func run() throws {
    say(Machine.heading("ingest: decoded readings of the benchmark day, committed every \(Self.messagesInCommit) messages"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let columns = try BenchDay.columns(scale: scale)
    let rates = try (0..<3).map { _ in try measure(columns) }
    let rate = Samples(rates).median
    Budgets.tell("ingest/rate", rate, places: 2)
  }

  private func measure(_ columns: [BenchDay.Column]) throws -> Double {
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    var store = try IngestStore(directory: directory.path, columns)
    let (wall, cpu) = (Machine.nanoseconds, Machine.ownCPUSeconds)
    for minute in 0..<(columns.first?.values.count ?? 0) { try store.take(minute, columns) }
    try store.commit()
    let (seconds, used) = (Double(Machine.nanoseconds - wall) / 1e9, Machine.ownCPUSeconds - cpu)
    say(
      "  \(store.readings) readings in \(Shown.decimals(seconds, 2)) s, \(Shown.decimals(used, 2)) s of CPU; \(store.seals) seals of a ring; heads \(Shown.decimals(Double(store.headBytes) / Double(max(1, store.headReadings)), 1)) bytes a reading"
    )
    return Double(store.readings) / used / 1e6
  }
}

/// The series store alone, as the gateway's writer uses it.
private struct IngestStore: ~Copyable {
  private static let logBytesMax: Int64 = 32 << 20
  private static let reach: Milliseconds = 3_600_000

  private let file: StoreFile
  private let devices: [Range<Int>]
  private var heads = SeriesHeads()
  private var rings: Rings
  private var batch = LogBatch()
  private var sealer = Sealer()
  private var messages = 0
  private var number: Int64 = 0
  private var cut: Int64 = 0
  private var logBytes: Int64 = 0
  private(set) var readings = 0
  private(set) var seals = 0
  var headBytes: Int { heads.bytes }
  var headReadings: Int { heads.readings }

  init(directory: String, _ columns: [BenchDay.Column]) throws {
    let opened = try StoreFile(directory: directory, durability: .full, migrations: SeriesSchema.migrations)
    let plan = try Self.plan(columns)
    try opened.commit { db in for ring in plan.added { try ChunkTable.insert(ring, db) } }
    (file, rings, devices) = (opened, plan.rings, Self.devices(columns))
    heads.addSeries(through: SeriesID(columns.count - 1))
  }

  private static func plan(_ columns: [BenchDay.Column]) throws -> RingPlan {
    let series = columns.enumerated().map { StoredSeries(id: SeriesID($0), device: $1.device, metric: $1.metric, registeredAt: nil) }
    return try RingPlan(rings: [], series: series) { _ in Ring.length(interval: 60_000, retention: 400 * 86_400_000) }
  }

  /// The columns of each device.
  private static func devices(_ columns: [BenchDay.Column]) -> [Range<Int>] {
    var devices: [Range<Int>] = []
    for place in columns.indices {
      if let last = devices.last, columns[last.lowerBound].device == columns[place].device {
        devices[devices.count - 1] = last.lowerBound..<(place + 1)
      } else {
        devices.append(place..<(place + 1))
      }
    }
    return devices
  }

  /// One message of each device.
  mutating func take(_ minute: Int, _ columns: [BenchDay.Column]) throws {
    let ts = Timestamp(milliseconds: BenchDay.start + Int64(minute) * 60_000)
    for device in devices {
      batch.input(.message, at: ts)
      batch.object(ts: ts)
      for place in device {
        let reading = Reading(series: SeriesID(place), ts: ts, value: columns[place].values[minute], quality: .measuring)
        guard heads.insert(reading) == .appended else { throw BenchFailure("a reading is not the newest of its series") }
        batch.reading(reading)
        rings.note(reading.series, ts: ts.milliseconds)
        readings += 1
      }
      messages += 1
      if messages == IngestBench.messagesInCommit { try commit() }
    }
  }

  mutating func commit() throws {
    if messages == 0 { return }
    messages = 0
    number += 1
    try file.commit { db in
      let row = batch.encode(number: number)
      logBytes += Int64(row.count)
      try SeriesLog.append(row, number: number, db)
    }
    batch.removeAll()
    rings.committed(row: number)
    file.copyLogIfDue()
    while logBytes > Self.logBytesMax, let place = rings.pinning { try seal(place) }
  }

  private mutating func seal(_ place: Int) throws {
    let ring = rings.all[place]
    let rows = try file.read { db in try sealer.rows(of: ring, heads, db) }
    let pinned = rings.all.indices.filter { $0 != place }.compactMap { rings.all[$0].pinnedRow }.min()
    let through = min(pinned.map { $0 - 1 } ?? .max, number - 1)
    var freed: Int64 = 0
    try file.commit { db in
      for row in rows.chunks { try ChunkTable.store(row.number, row.body, db) }
      for row in rows.rollups { try RollupTable.store(row.number, row.body, db) }
      try ChunkTable.setSealed(ring: ring.id, through: number, db)
      if through > cut {
        freed = try SeriesLog.bytes(through: through, db)
        try SeriesLog.cut(SeriesLog.Cut(number: through, state: []), db)
      }
    }
    logBytes -= freed
    cut = max(cut, through)
    for series in ring.series {
      heads.setSealed(series)
      if let newest = heads.newest(series) { heads.trim(series, before: newest.milliseconds - Self.reach, least: 60) }
    }
    rings.sealed(place, through: number)
    seals += 1
  }
}
