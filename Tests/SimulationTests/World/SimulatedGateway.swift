import Database
import DeviceRegistry
import Foundation
import Gateway
import Logging
import MQTTIntake
import Outbox
import Readings
import RuleEngine
import SeriesStore
import Synchronization
import TestSupport

/// One process of the gateway after another on one simulated disk: the real store, engine and writer, without threads and sockets.
final class SimulatedGateway {
  /// One life of the process, as the ledger keeps it.
  struct Life {
    /// What the counters said when it began.
    var receivedBefore: Int64
    /// What the engine's clock is ahead of the machine's monotonic one.
    var clockAhead: Milliseconds
    /// When it began and ended, by the machine's monotonic clock.
    var began: Milliseconds
    var ended = Milliseconds.max
    /// Its connections, in order.
    var streams: [SimulatedStream] = []
  }

  enum State { case down, running }

  let town: SimulatedTownFiles
  let machine: SimulatedMachine
  let disk: SimulatedDisk
  private let broker: SimulatedBroker
  private let iocs: [SimulatedIOC]
  private var random: SeededGenerator
  private(set) var lives: [Life] = []
  /// Bytes of log after which the store seals, and keeps no more than it must in memory; nil: as ever.
  private let sealsAfter: Int64?
  /// The inputs of the rows that were cut from the log.
  private(set) var cutInputs: [Int64: [StoredTruth.Input]] = [:]
  private(set) var core: WriterCore?
  private(set) var store: GatewayStore?
  private var deliveries: [SimulatedDelivery] = []
  /// The writer has told of new events.
  private let rung = Rung()
  private var stream: SimulatedStream?
  private var wait: WriterCore.Wait?
  private var wakesAt: Milliseconds = 0
  private var dialsAt: Milliseconds?
  /// Why a start or a life failed, in the store's words.
  private(set) var failures: [StoreError] = []

  init(
    town: SimulatedTownFiles, machine: SimulatedMachine, disk: SimulatedDisk, broker: SimulatedBroker, iocs: [SimulatedIOC], seed: UInt64
  ) {
    (self.town, self.machine, self.disk, self.broker, self.iocs) = (town, machine, disk, broker, iocs)
    random = SeededGenerator(seed: seed)
    // Of its own: other choices stay as they are.
    sealsAfter = [nil, 0, 1000, 10_000][Int(seed % 4)]
  }

  var isRunning: Bool { core != nil }
  /// The process has died inside a call of the disk or the network.
  var hasDied: Bool { isRunning && (disk.isDead || stream?.hasDied == true) }

  // MARK: Life and death

  /// Starts a process. False where it cannot serve: it says why, and ends.
  func start() -> Bool {
    precondition(core == nil, "one process at a time")
    do {
      let store = try GatewayStore(directory: disk.path, durability: .full, sinks: town.sinks)
      store.noteStart()
      var settings = EngineSettings(instance: "test")
      settings.rawRetention = GatewayModel.longRetention
      if let sealsAfter {
        store.logBytesMax = sealsAfter
        settings.reachLeast = 60_000
      }
      store.willCut = { [unowned store, unowned self] rows in
        self.cutInputs.merge(try StoredTruth.inputs(of: rows, store: store)) { _, new in new }
      }
      let engine = try store.openEngine(registry: town.registry, book: town.book, settings: settings)
      begin(store, engine)
      return true
    } catch {
      failures.append(error)
      return false
    }
  }

  private func begin(_ store: GatewayStore, _ engine: Engine) {
    lives.append(
      Life(
        receivedBefore: engine.counters.messagesReceived,
        clockAhead: LiveClock(machine, after: engine.clock).now.milliseconds - machine.now, began: machine.now))
    let bell = EventBell()
    let jitter = { [unowned self] in Double.random(in: 0..<1, using: &random) }
    let core = WriterCore(
      engine: engine, store: store, configuration: town.configuration, bell: bell, logger: SimulatedTownFiles.silence, machine: machine,
      chance: jitter)
    core.dial = { [unowned self] in dialsAt = machine.now + Int64.random(in: 1...60, using: &random) }
    (self.store, self.core, wakesAt) = (store, core, machine.now)
    wait = nil
    deliveries = zip(town.sinks, iocs).map { sink, ioc in
      SimulatedDelivery(sink: sink.sink, ioc: ioc, gateway: self, machine: machine, seed: random.next())
    }
    bell.listen { [rung] given in rung.ring(given) }
    core.startIntake()
  }

  /// The process is gone, with all that it held.
  func die(power: Bool) {
    disk.restart(power ? .powerLoss : .kill)  // what is open fails from here on, whatever closing would write
    letGo()
    if power { forgetMark() }
  }

  /// The high-water mark is never synced: a power loss may take it back.
  private func forgetMark() {
    guard Bool.random(using: &random), let mark = FileHandle(forUpdatingAtPath: "\(disk.path)/thuong.lock") else { return }
    defer { try? mark.close() }
    guard let bytes = try? mark.read(upToCount: 8), bytes.count == 8 else { return }
    let number = bytes.reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
    let older = max(0, number - Int64.random(in: 1...20, using: &random))
    try? mark.seek(toOffset: 0)
    mark.write(Data((0..<8).map { UInt8(truncatingIfNeeded: older >> (8 * $0)) }))
  }

  private func letGo() {
    for delivery in deliveries { delivery.end() }
    stream?.endOfProcess()
    (deliveries, stream, dialsAt) = ([], nil, nil)
    (core, store) = (nil, nil)
    if !lives.isEmpty { lives[lives.count - 1].ended = min(lives[lives.count - 1].ended, machine.now) }
  }

  /// SIGTERM: it commits, acknowledges and leaves. What the disk refuses meanwhile is the writer's to survive.
  func endCleanly() {
    guard let core else { return }
    core.stopIntake()
    core.end()
    for _ in 0..<1000 where !hasDied {
      guard core.turn(0) != nil else { break }
    }
    if hasDied { return die(power: false) }
    if let failure = core.failure { failures.append(failure) }
    broker.process()
    letGo()
  }

  // MARK: One step

  /// The next instant at which the process has something to do; nil while it is down.
  var nextInstant: Milliseconds? {
    guard isRunning else { return nil }
    if isPollReady { return machine.now }
    return ([wakesAt, dialsAt].compactMap { $0 } + deliveries.compactMap(\.nextInstant)).min()
  }

  private var isPollReady: Bool {
    guard let wait, wait.socket >= 0, let stream else { return false }
    return stream.isReadable || wait.events & Int16(POLLOUT) != 0
  }

  /// Does what is due. Afterwards ask `hasDied`, and `hasFailed`.
  func step() {
    guard let core else { return }
    if let due = dialsAt, machine.now >= due { dial(core) }
    for delivery in deliveries { delivery.run() }
    guard isPollReady || machine.now >= wakesAt else { return }
    var seen: Int16 = 0
    if let wait, wait.socket >= 0, stream?.isReadable == true { seen |= Int16(POLLIN) }
    let next = core.turn(seen)
    for given in rung.take() { for delivery in deliveries { delivery.ring(given[delivery.sink]) } }
    if let next {
      wait = next
      wakesAt = machine.now + Milliseconds(next.milliseconds)
    }
  }

  /// The writer has ended by itself: the store failed.
  var hasFailed: Bool { core?.hasEnded ?? false }

  func noteFailure() { if let failure = core?.failure { failures.append(failure) } }

  private func dial(_ core: WriterCore) {
    dialsAt = nil
    guard let new = broker.accept(seed: random.next()) else { return core.dialled(.failure(MQTTFault("connection refused"))) }
    stream = new
    lives[lives.count - 1].streams.append(new)
    core.dialled(.success(MQTTConnection(stream: new, endpoint: town.configuration.broker, readsSenderTime: false, now: machine.monotonic)))
    wakesAt = machine.now
  }

  // MARK: For the delivery

  /// nil where the disk gives an error.
  func waiting(sink: String, after sequence: Int64, limit: Int) -> SinkBacklog? {
    guard let store else { return nil }
    return try? store.file.read { db in try OutboxTable.waiting(sink: sink, after: sequence, limit: limit, in: db) }
  }

  func waiting(sink: String, sequences: [Int64]) -> SinkBacklog? {
    guard let store else { return nil }
    return try? store.file.read { db in try OutboxTable.waiting(sink: sink, sequences: sequences, in: db) }
  }

  func add(_ marks: [DeliveryMark], done: @escaping (Result<Void, StoreError>) -> Void) {
    core?.add(marks, done: done)
    wakesAt = machine.now  // the bell wakes the writer
  }

  /// An operator says something, through the socket of the process that runs.
  func command(_ json: String) {
    guard let core, !core.hasEnded else { return }
    core.submit(Array(RandomTrace.naming(json, alerts: core.engine.openAlerts).utf8)) { _ in }
    wakesAt = machine.now
  }

  var isDelivered: Bool { deliveries.allSatisfy(\.isResting) }

  var deliveryStates: String { deliveries.map { "\($0.state)" }.joined(separator: "; ") }

  // MARK: Faults of the process

  func dieAtWrite(after bytes: Int) { stream?.diesAtWrite = bytes }
  func dieAtRead() { stream?.diesAtRead = true }
}

/// Set from inside a commit, read after the turn.
private final class Rung: Sendable {
  private let given = Mutex<[GivenDeliveries]>([])
  func ring(_ new: GivenDeliveries) { given.withLock { $0.append(new) } }
  func take() -> [GivenDeliveries] {
    given.withLock { given in
      defer { given = [] }
      return given
    }
  }
}
