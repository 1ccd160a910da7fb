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
  var lastNumber: Int64 = 0
  /// Bytes of the log's rows.
  var logBytes: Int64 = 0
  /// Rows of the log, and the clocks when they were committed: a few, the oldest first. Those of an earlier process are not known.
  var rowAges: [(row: Int64, at: Timestamp)] = []
  /// What was cut from the log.
  var cut: SeriesLog.Cut?
  /// Beyond so many bytes of log the oldest rows are sealed and cut. What heads hold, and how long a start takes, follows from it.
  package var logBytesMax: Int64 = 32 << 20
  /// Bytes that the store may have on disk.
  private(set) var sizeMax = Int64.max / 2
  /// By ring: the part of the space for readings that is its, by what its devices' profiles promise.
  private(set) var shares: [Int64: Double] = [:]
  /// By device: how many times as often as its profile says it reported, in a whole span.
  var fastDevices: [Int: Double] = [:]
  let sealed: SealedReadings
  var sealer = Sealer()
  /// Before which instants everything was let go of since the start.
  var expiries: [Expiry.Place: Int64] = [:]
  /// For tests: told of rows before they are cut.
  package var willCut: (ClosedRange<Int64>) throws -> Void = { _ in }
  /// Two starts crashed before they had committed a message: this one goes step by step.
  package private(set) var isCareful = false
  /// The hashes of the messages that careful starts crashed of.
  package private(set) var deadlyMessages: Set<UInt64> = []
  private var deadlyRow: Int64 = 0
  /// Told by the first that serves it: a replay has no sinks.
  private var untoldRestores: [UntoldRestore] = []
  var hasUntoldRestores: Bool { !untoldRestores.isEmpty }
  /// Their gaps are in the engine's batch.
  private var restoresToldAt: Timestamp?
  /// What was given to sinks since `takeGiven`; nil where no event was committed.
  private var given: GivenDeliveries?
  /// So many events wait for a sink, at most. Tests choose others.
  package var waitingMax = OutboxTable.waitingMax
  /// The engine's counters from the commit in hand on, where it tells a sink of a loss.
  var countersWithLosses: Counters?
  /// How long alerts and events are kept; nil: for ever.
  package var recordRetention: RecordRetention?
  var pruning = PruningPace()
  let sinks: [SinkFilter]

  /// - Parameter sinks: who gets which events, from the next commit on.
  package init(directory: String, durability: Durability, sinks: [SinkFilter]) throws(StoreError) {
    file = try StoreFile(directory: directory, durability: durability, migrations: GatewaySchema.migrations)
    self.sinks = sinks
    sealed = SealedReadings(file: file)
  }

  /// Bounds the store's bytes on disk, of which the log takes an eighth at most.
  package func bound(size: Int64) {
    sizeMax = size
    logBytesMax = min(logBytesMax, size / 8)
  }

  // MARK: Starting and surviving

  /// A gateway starts: a crash is noted until `survived()`. Without this call recovery is as ever.
  package func noteStart() {
    let last = file.notes
    isCareful = last.deaths >= 2
    if isCareful {
      deadlyRow = last.row
      if last.message != 0 { deadlyMessages.insert(last.message) }
    }
    file.armNotes()
  }

  /// Messages were committed, or the end is a clean one: the start was a good one.
  package func survived() {
    isCareful = false
    deadlyMessages = []
    file.clearNotes()
  }

  // MARK: Opening

  /// An engine with everything that was committed: readings, windows, alerts, counters, clock.
  package func openEngine(registry: Registry, book: RuleBook, settings: EngineSettings) throws(StoreError) -> Engine {
    do {
      let stored = try file.read { db in
        guard try SeriesTable.check(db) else { throw StoreError.damaged("there is no table of series") }
        return try SeriesTable.all(db)
      }
      let (series, added) = Self.number(registry, stored)
      let rings = try ringsOf(stored + added, known: stored.count, registry, retention: settings.rawRetention)
      shares = Self.shares(rings, stored + added, registry)
      let engine = Engine(
        registry: registry, book: book, settings: settings, series: series, seriesCount: stored.count + added.count, rings: rings)
      engine.history = sealed
      try recover(engine, stored)
      try recoverUnknownDevices(engine, registry, settings)
      return engine
    } catch let error as StoreError {
      throw error
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

  /// Every series in its ring; those that have none get one. The first `known` of them are stored.
  private func ringsOf(
    _ series: [StoredSeries], known: Int, _ registry: Registry, retention: Milliseconds
  ) throws -> Rings {
    let plan = try RingPlan(rings: file.read { db in try ChunkTable.rings(db) }, series: series) { device in
      Ring.length(interval: registry.deviceIndex(device).map { registry.interval(of: $0) } ?? 60_000, retention: retention)
    }
    if plan.isChanged {
      try file.commit { db in
        for ring in plan.added { try ChunkTable.insert(ring, db) }
        for series in plan.series[..<known] where plan.moved.contains(series.id) {
          try SeriesTable.setRing(series.id, series.ring ?? 0, db)
        }
        for series in plan.series[known...] { try SeriesTable.insert(series, db) }
      }
    }
    return plan.rings
  }

  /// A device that is registered no longer keeps the share of one that reports every minute.
  private static func shares(_ rings: Rings, _ series: [StoredSeries], _ registry: Registry) -> [Int64: Double] {
    var demand: [Int64: Double] = [:]
    for ring in rings.all {
      for one in ring.series {
        let interval = registry.deviceIndex(series[one.int].device).map { registry.interval(of: $0) } ?? 60_000
        demand[ring.id, default: 0] += 1 / Double(max(1, interval))
      }
    }
    let all = demand.values.reduce(0, +)
    return demand.mapValues { $0 / all }
  }

  private func recover(_ engine: Engine, _ stored: [StoredSeries]) throws {
    if deadlyRow > 0 { try file.commit { db in try Quarantine.take(logRow: deadlyRow, db) } }
    // Of two that are sent again, each crashed a start of its own.
    if isCareful { deadlyMessages.formUnion(try file.read { db in try Quarantine.messages(db) }) }
    defer { file.takeInHand(row: 0) }
    var recovery = LogRecovery(engine: engine, untold: try file.read { db in try Quarantine.untold(db) })
    cut = nil
    var alerts = StoredAlerts(lives: [], alerts: [], silences: [])
    var online: [(device: String, state: OnlineState)] = []
    try file.read { db in
      if let cut = try SeriesLog.lastCut(db) { (self.cut, recovery.fold) = (cut, try LogFold(cut)) }
      (untoldRestores, restoresToldAt) = (try RestoreTable.untold(db), nil)
      engine.restoredAt = try RestoreTable.last(db)
      engine.setUncovered()
      try SeriesLog.read(db, into: &recovery) { number in
        if isCareful { file.takeInHand(row: number) }
        return true
      }
      recovery.finish()
      logBytes = try SeriesLog.bytes(db)
      lastNumber = try SeriesLog.lastNumber(db)
      if let row = try Row.fetchOne(db, sql: "SELECT counters, log_number, clock_doubt FROM gateway WHERE id = 1") {
        guard let counters = Counters(json: try row.sound("counters")) else { throw StoreError.damaged("the counters cannot be read") }
        guard counters.balances else { throw StoreError.damaged("the counters do not balance") }
        engine.counters = counters
        let number: Int64 = try row.sound("log_number")
        if lastNumber < number { throw StoreError.damaged("log rows \(lastNumber + 1) to \(number) are missing") }
        if lastNumber > number { throw StoreError.damaged("the counters are those of log row \(number) of \(lastNumber)") }
        engine.doubt.restore([UInt8](try row.sound("clock_doubt") as Data))
      } else if lastNumber > 0 {
        throw StoreError.damaged("the counters are missing")
      }
      alerts = StoredAlerts(lives: try AlertTable.lives(db), alerts: try AlertTable.open(db), silences: try SilenceTable.all(db))
      try alerts.check()
      online = try OnlineTable.all(db)
    }
    // With durability normal a power loss may take rows that the mark has seen: only full promises them.
    if lastNumber < file.highWater {
      throw StoreError.damaged(
        "log rows \(lastNumber + 1) to \(file.highWater) were committed and are gone")
    }
    engine.restore(recovery.fold)
    for gap in recovery.gaps {
      engine.tellOfQuarantined(row: gap.row, from: gap.from, to: gap.to)
    }
    engine.restore(registrations: stored)
    for (device, state) in online { engine.restore(state, of: device) }
    engine.restore(alerts)
  }

  /// What came after the newest input of a backup that was restored is gone: a gap until now, told once, with the next commit. To be called
  /// when the engine's clock has come to now; before its first input nothing is told.
  package func tellOfRestores(_ engine: Engine) {
    guard !untoldRestores.isEmpty, let now = engine.clock else { return }
    for restore in untoldRestores {
      engine.gap(cause: "restored", from: restore.backupClock ?? now, to: now, detail: restore.detail)
    }
    engine.remindOfRestored()
    restoresToldAt = now
  }

  /// What was registered meanwhile is no longer unknown; a limit that was lowered keeps the newest.
  private func recoverUnknownDevices(_ engine: Engine, _ registry: Registry, _ settings: EngineSettings) throws {
    let stored = try file.read { db in try RejectTable.unknownDevices(db) }
    let named = stored.filter { !$0.name.isEmpty }
    let kept = named.filter { registry.deviceIndex($0.name) == nil }.prefix(settings.unknownDevicesMax)
    if kept.count < named.count {
      let names = Set(kept.map(\.name))
      try file.commit { db in try RejectTable.forgetUnknown(named.map(\.name).filter { !names.contains($0) }, db) }
    }
    engine.unknownDevices.restore(kept + stored.filter(\.name.isEmpty))
  }

  // MARK: Committing

  /// Commits the engine's batch and what became of deliveries in one transaction. Returns the events that were created.
  ///
  /// - Throws: `.full`, after which the same call may be made again; anything else ends the process.
  package func commit(_ engine: Engine, marks: [DeliveryMark] = [], realNow: Timestamp) throws(StoreError) -> [EventRecord] {
    if let fault = engine.historyFault { throw fault }
    if engine.isBatchEmpty && marks.isEmpty { return [] }
    let hasChanges = !engine.isBatchEmpty
    // What changes anything has a row, be it an empty one: whoever loses it is found out.
    let number = hasChanges ? lastNumber + 1 : lastNumber
    // After a commit that failed for want of space these are its changes too, and those of what came since.
    let changes = engine.finishBatch()
    var rowBytes: Int64 = 0
    var ringBytes: [(place: Int, bytes: Int64)] = []
    countersWithLosses = nil
    var given: GivenDeliveries = [:]
    try file.commit { db in
      if number != lastNumber {
        let row = engine.batch.encode(number: number)
        rowBytes = Int64(row.count)
        try SeriesLog.append(row, number: number, db)
      }
      if hasChanges { try save(engine.counters, engine, number, db) }
      given = try write(changes, engine.registry, realNow, db)
      if !marks.isEmpty || !changes.events.isEmpty { given.merge(try settle(marks, engine, realNow, number, db)) { $0 + $1 } }
      for damaged in changes.damaged where damaged.row.table == .chunk {
        guard let place = engine.rings.all.firstIndex(where: { $0.id == ChunkTable.place(of: damaged.row.number).ring }) else { continue }
        ringBytes.append((place, try ChunkTable.bytes(ring: engine.rings.all[place].id, db)))
      }
    }
    for (place, bytes) in ringBytes { engine.rings.setBytes(place, bytes) }
    if number != lastNumber {
      file.setHighWater(number)
      logBytes += rowBytes
      engine.rings.committed(row: number)
      noteAge(of: number, engine)
    }
    lastNumber = number
    if let counters = countersWithLosses { engine.counters = counters }
    if countersWithLosses != nil || !changes.events.isEmpty { note(given: given) }
    if restoresToldAt != nil { (untoldRestores, restoresToldAt) = ([], nil) }
    engine.batchCommitted()
    return changes.events
  }

  func save(_ counters: Counters, _ engine: Engine, _ number: Int64, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO gateway(id, counters, log_number, clock_doubt) VALUES (1, ?, ?, ?)")
      .execute(arguments: [Data(counters.json), number, Data(engine.doubt.saved)])
  }

  private func write(
    _ changes: EngineChanges, _ registry: Registry, _ realNow: Timestamp, _ db: GRDB.Database
  ) throws -> GivenDeliveries {
    if let at = changes.registeredAt { try SeriesTable.register(at: at, db) }
    for life in changes.lives { try AlertTable.store(life, db) }
    for alert in changes.alerts { try AlertTable.store(alert, db) }
    for transition in changes.transitions { try AlertTable.store(transition, db) }
    for (id, silence) in changes.silences {
      if let silence { try SilenceTable.store(silence, db) } else { try SilenceTable.remove(id, db) }
    }
    let given = changes.events.isEmpty ? [:] : try OutboxTable.enqueue(changes.events, to: sinks, realNow: realNow, in: db)
    for reject in changes.rejects { try RejectTable.store(reject, db) }
    for message in changes.quarantined { try Quarantine.keep(message, db) }
    for damaged in changes.damaged { try Quarantine.take(damaged, db) }
    for (device, state) in changes.online { try OnlineTable.store(registry.devices[device].id, state, db) }
    for row in changes.toldRows { try Quarantine.told(logRow: row.number, at: row.at, db) }
    if let at = restoresToldAt { for restore in untoldRestores { try RestoreTable.told(restore.id, at: at, db) } }
    return given
  }

  /// An event was committed, and so much of it went to sinks.
  func note(given new: GivenDeliveries) { given = (given ?? [:]).merging(new) { $0 + $1 } }

  /// What commits gave to sinks since this was last asked; nil where none had an event. Where it is empty something else waits, or nothing.
  package func takeGiven() -> GivenDeliveries? {
    defer { given = nil }
    return given
  }
}
