import Alerting
import Database
import Decoding
package import DeviceRegistry
import Outbox
package import Readings
package import RuleEngine
package import SeriesStore

/// What decides how the engine behaves, besides its inputs.
package struct EngineSettings: Sendable {
  /// Part of every id.
  package var instance: String
  package var messageSizeMax = 256 << 10
  /// What readings further behind the clock than this say of alerts is late.
  package var fresh: Milliseconds = 15 * 60_000
  /// Readings older than this are `too_old`.
  package var rawRetention: Milliseconds = 400 * 86_400_000
  /// Buckets older than this go.
  package var rollupRetention: [Resolution: Milliseconds] = [:]
  /// How much of the newest readings stays in memory, whatever the rules look back: what comes somewhat late is met there.
  package var reachLeast: Milliseconds = 3_600_000
  /// Beyond it readings that were brought back from chunks are let go of again.
  package var headBytesMax = 256 << 20
  /// Names of unregistered devices of which a sample is kept.
  package var unknownDevicesMax = 10_000
  /// For tests of what a fault inside the step does: called with each message's payload. The product sets none.
  package var beforeStep: (@Sendable (UnsafeRawBufferPointer) -> Void)?
  /// The same for each reading that recovery reads from the log.
  package var beforeRecovered: (@Sendable (Reading) -> Void)?

  package init(instance: String) { self.instance = instance }
}

/// The pure heart: inputs in, each with its own instant; readings, alert state and events out, gathered until they are committed.
///
/// Live, replay and simulation run this same code. It reads no clock, no file and no random number, and what it produces does not
/// depend on how its inputs are batched. One thread's own.
package final class Engine {
  package let registry: Registry
  package let program: RuleProgram
  let book: RuleBook
  package let settings: EngineSettings
  let devices: DeviceTable
  let topics: TopicIndex
  /// By device and metric.
  let seriesOf: [[SeriesID]]

  var heads = SeriesHeads()
  var rings: Rings
  /// What is sealed. Where it cannot be read, `historyFault` says why, and nothing more may be committed.
  var history: SealedReadings?
  var historyFault: StoreError?
  /// Bytes of heads after they made room last.
  var trimmedTo = 0
  /// By device: for instants from here on everything that rules and stores need of it is in heads.
  var evaluableFrom: [Int64]
  /// By device: the ring has no place for what is older.
  var keptFrom: [Int64]
  /// By series; nil for those that are registered no longer.
  let deviceOf: [Int?]
  /// By device: how far back rules look.
  let reach: [Milliseconds]
  var evaluator: RuleEvaluator
  var decoder = NativeDecoder()
  var batch = LogBatch()
  var changes = EngineChanges()
  package internal(set) var counters = Counters()

  /// The instant of the latest input; nil before the first.
  package internal(set) var clock: Timestamp?
  /// While the clock moves there: the instant of the input that moves it.
  var destination: Timestamp?
  /// See `RestoreTable.last`.
  var restoredAt: Timestamp?
  private var nextTick: Timestamp?
  var doubt: ClockDoubt
  var log = LogState()
  var unknownDevices: UnknownDevices
  package var isIntakeUp: Bool { log.isIntakeUp }
  /// The broker has had a session of ours.
  var hasHadSession: Bool { log.continuity.isKnown }

  /// The ts of each series' newest good reading, by series.
  var newestGood: [Int64] = []
  /// Gets every input, where somebody records them.
  package var recording: InputRecording?

  /// By binding of the program.
  var lives: AlertLives
  let timings: [AlertLife.Timing]
  /// The program's.
  let groups: [AlertGroup]
  /// By binding: of rules that may flap.
  var turns: [Int: TurnMemory] = [:]
  var open = OpenAlerts()
  var inhibitions: Inhibitions
  var silences = SilenceBook()
  var dues = DueQueue()
  /// By rule.
  let policies: [AlertPolicy]
  /// By rule: it has escalations.
  private let escalates: [Bool]
  /// By device: how often it reports.
  let intervals: [Milliseconds]
  /// By device: its place in the order of subjects.
  let deviceRanks: [Int]
  /// By device.
  var registeredAt: [Timestamp]
  var pending: Set<Int> = []
  var dirty: Set<Int> = []

  /// - Parameters:
  ///   - series: the store's numbers, by device and metric in the registry's order.
  ///   - seriesCount: how many series the store knows, registered now or not.
  ///   - rings: of every series the store knows.
  package init(
    registry: Registry, book: RuleBook, settings: EngineSettings, series: [[SeriesID]], seriesCount: Int, rings: Rings
  ) {
    (self.registry, self.book, self.settings, seriesOf, self.rings) = (registry, book, settings, series, rings)
    let program = RuleProgram(book: book, registry: registry, series: series)
    self.program = program
    devices = DeviceTable(registry: registry, series: series)
    topics = TopicIndex(registry: registry)
    evaluator = RuleEvaluator(program: program)
    var deviceOf = [Int?](repeating: nil, count: seriesCount)
    for (device, series) in series.enumerated() { for id in series { deviceOf[id.int] = device } }
    self.deviceOf = deviceOf
    evaluableFrom = Array(repeating: .min, count: registry.devices.count)
    keptFrom = series.map { of in of.map { rings[of: $0].keptFrom }.max() ?? .min }
    reach = registry.devices.indices.map { max(program.widestWindow(of: $0), settings.reachLeast) }
    doubt = ClockDoubt(devices: registry.devices.count)
    unknownDevices = UnknownDevices(limit: settings.unknownDevicesMax)
    lives = AlertLives(count: program.bindingCount)
    let groups = Self.groups(of: program)
    self.groups = groups
    timings = (0..<program.bindingCount).map { binding in
      let rule = book.rules[program.rule(of: binding)]
      let interval = program.group(of: binding).map { groups[$0].interval } ?? registry.interval(of: program.device(of: binding))
      return AlertLife.Timing(
        hold: rule.hold, clearHold: rule.clearHold, interval: Self.pace(usesClock: rule.usesClock, interval: interval))
    }
    inhibitions = Inhibitions(book: book, registry: registry)
    policies = book.rules.map(\.policy)
    escalates = policies.map { !$0.escalations.isEmpty }
    intervals = registry.devices.indices.map { registry.interval(of: $0) }
    var ranks = Array(repeating: 0, count: registry.devices.count)
    let subjects = registry.devices.indices.map { registry.subject(of: $0) }
    for (rank, device) in registry.devices.indices.sorted(by: { subjects[$0] < subjects[$1] }).enumerated() { ranks[device] = rank }
    deviceRanks = ranks
    registeredAt = Array(repeating: Timestamp(milliseconds: 0), count: registry.devices.count)
    if seriesCount > 0 { heads.addSeries(through: SeriesID(seriesCount - 1)) }
    newestGood = Array(repeating: .min, count: seriesCount)
  }

  package var isDoubtful: Bool { doubt.isDoubtful }
  var isWallStepped: Bool { doubt.wallStepped }
  package var headBytes: Int { heads.bytes }
  package var headReadings: Int { heads.readings }

  // MARK: Inputs

  /// The clock alone moves to `at`.
  package func clock(at: Timestamp) {
    advance(to: at)
    batch.input(.clock, at: now)
    recording?.clock(at: now)
  }

  package func intake(up: Bool, at: Timestamp) {
    advance(to: at)
    batch.input(up ? .intakeUp : .intakeDown, at: now)
    recording?.intake(isUp: up, at: now)
    setIntake(up: up, at: now)
  }

  private func setIntake(up: Bool, at t: Timestamp) {
    log.setIntake(up: up, at: t)
    evaluator.intake = log.outages
  }

  /// What the gateway says of itself.
  func obey(_ command: EngineCommand) {
    if case .sessionNew = command { batch.forgetUnnamedMessages() }
    let gap = log.apply(command, at: now)
    doubt.wallStepped = log.isWallStepped
    if let gap { tell(gap) }
  }

  /// A connection to the broker begins at `at` (nil: at the clock's instant; nothing before the first input): what it sends again was
  /// sent on an earlier one, unless the broker lost the session with it.
  package func connectionBegan(sessionPresent: Bool = true, at: Timestamp? = nil) {
    guard let at = at ?? clock else { return }
    _ = command((sessionPresent ? EngineCommand.sessionKept : .sessionNew).json, at: at)
  }

  /// Continuity cannot be proved: told to every sink.
  private func tell(_ gap: BrokerContinuity.Gap) {
    self.gap(cause: gap.cause, from: gap.from ?? log.continuity.provenUntil ?? now, to: now, count: gap.count, detail: gap.detail)
  }

  /// Continuity cannot be proved between these instants of the clock: told to every sink.
  package func gap(cause: String, from: Timestamp, to: Timestamp, count: Int64? = nil, detail: String) {
    counters.gaps[cause, default: 0] += 1
    changes.events.append(
      GatewayEvent.gap(
        instance: settings.instance, cause: cause, from: min(from, to), to: to, count: count, detail: detail, detectedAt: clock ?? to))
  }

  // MARK: Time

  /// The engine's clock, which every input has set.
  var now: Timestamp {
    guard let clock else { preconditionFailure("an input sets the clock before anything asks for it") }
    return clock
  }

  /// Moves the clock to an input's instant, running the ticks and dues that lie before it or at it, of one instant the tick first. The
  /// clock never goes back.
  func advance(to at: Timestamp) {
    guard let before = clock else { return begin(at: at) }
    guard at > before else { return }
    destination = at
    while true {
      let (tick, due) = (nextTick ?? .distantFuture, nextDue ?? .distantFuture)
      guard min(tick, due) <= at else { break }
      clock = max(now, min(tick, due))  // what ended while the clock was doubted is due now
      if tick <= due {
        run(tick: tick)
        nextTick = nextTickAfter(tick, until: at)
      } else {
        run(dueAt: now)
      }
    }
    clock = at
  }

  /// The first input of a store's life: everything registered counts from here.
  private func begin(at: Timestamp) {
    clock = at
    nextTick = (at - 1).nextMinute
    changes.registeredAt = at
    for device in registry.devices.indices { setRegistered(device, at: at) }
    if let tick = nextTick, tick <= at {
      run(tick: tick)
      nextTick = tick.nextMinute
    }
  }

  private func setRegistered(_ device: Int, at t: Timestamp) {
    registeredAt[device] = t
    evaluator.setRegistered(device: device, at: t)
  }

  /// Ticks that could do nothing are passed over: no rule reads the clock, and nothing is pending or raised.
  private func nextTickAfter(_ tick: Timestamp, until at: Timestamp) -> Timestamp {
    let idle = pending.isEmpty && open.isEmpty && program.clockBindings.isEmpty && !log.continuity.isDroppedUntold
    return idle ? max(tick.nextMinute, (at - 1).nextMinute) : tick.nextMinute
  }

  private func run(tick: Timestamp) {
    if let gap = log.continuity.tick() { tell(gap) }
    if doubt.isDoubtful { return }  // nothing expires, and clock rules hold still
    for binding in pending.sorted() {
      apply(lives.handle(.tick(clock: tick), binding, timings[binding]), to: binding)
    }
    evaluateAll(program.clockBindings, at: tick)
    followAll(at: tick)
  }

  // MARK: Rules and alerts

  /// What each will need is asked for eight evaluations ahead, and what that leads to four.
  private func evaluateAll(_ bindings: [Int], at t: Timestamp) {
    for (place, binding) in bindings.enumerated() {
      if place + 8 < bindings.count { evaluator.expect(binding: bindings[place + 8], heads: heads) }
      if place + 4 < bindings.count { evaluator.expectReadings(binding: bindings[place + 4], heads: heads) }
      evaluate(binding, at: t)
    }
  }

  /// Evaluates one rule for one device or group at T and advances its alert.
  func evaluate(_ binding: Int, at t: Timestamp) {
    if let group = program.group(of: binding) {
      for device in groups[group].members { cover(device, at: t) }
    } else {
      cover(program.device(of: binding), at: t)
    }
    judge(binding, at: t)
  }

  /// `evaluate` where all that it needs of the past is in heads.
  func judge(_ binding: Int, at t: Timestamp) {
    let verdict = evaluator.evaluate(binding: binding, at: t, heads: heads, needsClear: lives.isRaised(binding))
    if verdict.when != .true && lives.isInactive(binding) { return }
    let event = AlertLife.Event.evaluated(when: verdict.when, clear: verdict.clear, t: t, clock: now)
    apply(lives.handle(event, binding, timings[binding]), to: binding)
    guard lives.isRaised(binding) else { return }
    if escalates[program.rule(of: binding)] || open.late.contains(binding) { follow(binding, at: t) }
  }

  private func apply(_ action: AlertLife.Action, to binding: Int) {
    switch action {
    case .none: return
    case .changed: break
    case .raise(let breachedAt, let at): raise(binding, breachedAt: breachedAt, at: at)
    case .clear(let at): clear(binding, at: at)
    }
    lifeChanged(binding)
  }

  // MARK: Batches

  /// The ids of the alerts that are raised, in order.
  package var openAlerts: [String] { open.ids.sorted() }

  package var isBatchEmpty: Bool { batch.isEmpty && changes.isEmpty }

  /// Everything the batch changed, complete for the commit.
  func finishBatch() -> EngineChanges {
    for binding in dirty.sorted() {
      let rule = book.rules[program.rule(of: binding)]
      changes.lives.append(
        StoredLife(
          rule: rule.id, subject: facts(of: subject(of: binding)).subject, version: rule.version, life: lives[binding],
          turns: turns[binding] ?? TurnMemory()))
    }
    dirty.removeAll(keepingCapacity: true)
    for binding in open.changed.sorted() { if let alert = open[binding] { changes.alerts.append(alert) } }
    open.committed()
    return changes
  }

  /// The batch is durable: the next one begins.
  func batchCommitted() {
    batch.removeAll()
    changes.removeAll()
  }

  // MARK: Recovery

  /// Since when each device counts; one that was added since the last commit counts from there.
  func restore(registrations: [StoredSeries]) {
    var instants: [UInt32: Timestamp] = [:]
    for series in registrations { instants[series.id.index] = series.registeredAt }
    for device in registry.devices.indices {
      let known = seriesOf[device].compactMap { instants[$0.index] }.min()
      if known == nil, clock != nil { changes.registeredAt = clock }
      if let at = known ?? clock { setRegistered(device, at: at) }
    }
  }

  /// A device that is registered no longer says nothing.
  func restore(_ state: OnlineState, of device: String) {
    if let index = registry.deviceIndex(device) { evaluator.setOnline(device: index, at: state.at, isOnline: state.isOnline) }
  }

  /// As the log left it: ticks up to and at its clock have run.
  func restore(_ fold: LogFold) {
    log = fold.state
    evaluator.intake = log.outages
    doubt.wallStepped = log.isWallStepped
    clock = fold.clock
    nextTick = fold.clock?.nextMinute
  }
}
