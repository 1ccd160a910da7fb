import Alerting
package import Database
package import DeviceRegistry
import Foundation
import GRDB
package import Outbox
package import Readings
package import RuleEngine
import SeriesStore

/// The store as the gateway uses it: opens it, brings an engine back to where the log ends, commits its batches. One thread's own.
package final class GatewayStore {
  package let file: StoreFile
  private var lastNumber: Int64 = 0
  private let sinks: [SinkFilter]

  /// - Parameter sinks: who gets which events, from the next commit on.
  package init(directory: String, durability: Durability, sinks: [SinkFilter]) throws(StoreError) {
    file = try StoreFile(directory: directory, durability: durability, migrations: GatewaySchema.migrations)
    self.sinks = sinks
  }

  // MARK: Opening

  /// An engine with everything that was committed: readings, windows, alerts, counters, clock.
  package func openEngine(registry: Registry, book: RuleBook, settings: EngineSettings) throws(StoreError) -> Engine {
    do {
      let stored = try file.read { db in try SeriesTable.all(db) }
      let (series, added) = Self.number(registry, stored)
      if !added.isEmpty {
        try file.commit { db in for new in added { try SeriesTable.insert(new, db) } }
      }
      let engine = Engine(registry: registry, book: book, settings: settings, series: series, seriesCount: stored.count + added.count)
      try recover(engine, stored)
      return engine
    } catch let error as StoreError {
      throw error
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw .damaged("\(file.directory)/\(StoreFile.name): \(error.message ?? "not readable")")
    } catch {
      throw .unusable("\(file.directory)/\(StoreFile.name): \(error)")
    }
  }

  /// The number of every registered series, by device and metric; those that are new follow the stored ones.
  private static func number(_ registry: Registry, _ stored: [StoredSeries]) -> (series: [[SeriesID]], added: [StoredSeries]) {
    var known: [String: SeriesID] = [:]
    for series in stored { known["\(series.device)/\(series.metric)"] = series.id }
    var added: [StoredSeries] = []
    let series = registry.devices.map { device in
      registry.profiles[device.profile].metrics.map { metric in
        if let id = known["\(device.id)/\(metric.name)"] { return id }
        let id = SeriesID(stored.count + added.count)
        added.append(StoredSeries(id: id, device: device.id, metric: metric.name, registeredAt: nil))
        return id
      }
    }
    return (series, added)
  }

  private func recover(_ engine: Engine, _ stored: [StoredSeries]) throws {
    var recovery = LogRecovery(engine: engine)
    try file.read { db in
      try SeriesLog.read(db, into: &recovery)
      lastNumber = try SeriesLog.lastNumber(db)
      if let row = try Row.fetchOne(db, sql: "SELECT counters, log_number, clock_doubt FROM gateway WHERE id = 1") {
        guard let counters = Counters(json: row[0]) else { throw StoreError.damaged("the counters cannot be read") }
        engine.counters = counters
        let number: Int64 = row[1]
        if lastNumber < number { throw StoreError.damaged("log rows \(lastNumber + 1) to \(number) are missing") }
        engine.doubt.restore([UInt8](row[2] as Data))
      }
      engine.restore(lives: try AlertTable.lives(db), alerts: try AlertTable.open(db), ends: try AlertTable.ends(db))
    }
    // With durability normal a power loss may take rows that the mark has seen: only full promises them.
    if lastNumber < file.highWater {
      throw StoreError.damaged(
        "log rows \(lastNumber + 1) to \(file.highWater) were committed and are gone")
    }
    if let clock = recovery.clock { engine.restore(clock: clock) }
    engine.restore(registrations: stored)
  }

  // MARK: Committing

  /// Commits the engine's batch and what became of deliveries in one transaction. Returns the events that were created.
  ///
  /// - Throws: `.full`, after which the same call may be made again; anything else ends the process.
  package func commit(_ engine: Engine, marks: [DeliveryMark] = [], realNow: Timestamp) throws(StoreError) -> [EventRecord] {
    if engine.isBatchEmpty && marks.isEmpty { return [] }
    let hasChanges = !engine.isBatchEmpty
    let number = engine.batch.isEmpty ? lastNumber : lastNumber + 1
    // After a commit that failed for want of space these are its changes too, and those of what came since.
    let changes = engine.finishBatch()
    try file.commit { db in
      if number != lastNumber { try SeriesLog.append(engine.batch.encode(number: number), number: number, db) }
      if hasChanges { try save(engine, number, db) }
      try write(changes, realNow, db)
      if !marks.isEmpty { try OutboxTable.apply(marks, in: db) }
    }
    if number != lastNumber { file.setHighWater(number) }
    lastNumber = number
    engine.batchCommitted()
    return changes.events
  }

  private func save(_ engine: Engine, _ number: Int64, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO gateway(id, counters, log_number, clock_doubt) VALUES (1, ?, ?, ?)")
      .execute(arguments: [Data(engine.counters.json), number, Data(engine.doubt.saved)])
  }

  private func write(_ changes: EngineChanges, _ realNow: Timestamp, _ db: GRDB.Database) throws {
    if let at = changes.registeredAt { try SeriesTable.register(at: at, db) }
    for life in changes.lives { try AlertTable.store(life, db) }
    for alert in changes.alerts { try AlertTable.store(alert, db) }
    for transition in changes.transitions { try AlertTable.store(transition, db) }
    if !changes.events.isEmpty { try OutboxTable.enqueue(changes.events, to: sinks, realNow: realNow, in: db) }
    for reject in changes.rejects {
      try db.cachedStatement(sql: "INSERT OR REPLACE INTO reject(reason, device, at, topic, payload, detail) VALUES (?,?,?,?,?,?)")
        .execute(arguments: [reject.reason.name, reject.device, reject.at.milliseconds, reject.topic, Data(reject.payload), reject.detail])
    }
  }
}

/// Brings an engine back from the log: the same readings, the same clock, the same outages.
private struct LogRecovery: LogVisitor {
  let engine: Engine
  var clock: Timestamp?

  mutating func input(_ kind: InputKind, at: Timestamp) {
    clock = at
    switch kind {
    case .intakeDown: engine.setIntake(up: false, at: at)
    case .intakeUp: engine.setIntake(up: true, at: at)
    case .message, .clock, .command: break
    }
  }

  mutating func command(_ json: [UInt8], at: Timestamp) { EngineCommand(json: json).map(engine.apply) }

  mutating func reading(_ reading: Reading) {
    _ = engine.heads.insert(reading)
    engine.noteNewest(reading)
  }

  mutating func unnamedMessage(packet: UInt16, hash: UInt64) { engine.unnamed.remember(packet: packet, hash: hash) }
}
