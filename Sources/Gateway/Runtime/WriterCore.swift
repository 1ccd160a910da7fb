import Alerting
package import Database
import DeviceRegistry
import Glibc
package import Logging
package import MQTTIntake
package import Outbox
import Readings

/// What the writer thread does: read from the broker, step the engine, commit, acknowledge. Everything here runs on that thread.
///
/// It waits for nothing itself: `turn` does what there is to do, and says what to wait for. Clock, chance and connections come from
/// outside, so that a simulation can drive it through any hour of its life.
package final class WriterCore {
  /// What to sleep on; poll ignores a socket of -1.
  package struct Wait: Equatable, Sendable {
    package var socket: Int32
    package var events: Int16
    package var milliseconds: Int32
  }

  /// One batch is bounded by messages and by time.
  private static let batchMessages = 4096
  private static let batchMilliseconds: Milliseconds = 20
  /// After a batch of this size more are sure to come: a longer wait then costs nobody, and saves wake-ups, commits and segments.
  /// A receive-maximum of 900 messages takes longer to arrive, up to 110,000 a second.
  private static let crowd = 96
  private static let lingerInCrowd: Int32 = 8
  /// Memory that heads may take: what is not sealed is there.
  private static let headBytesMax = 4 << 30
  /// A broker that has nothing to send for so long after intake is up has sent again what it had in flight.
  private static let resendingMax: Milliseconds = 3_000
  /// An ending process waits so long for the broker's answer to its CONNECT.
  private static let answerMax: Milliseconds = 2_000
  /// A sender's time further ahead than this is no time.
  private static let senderLeapMax: Milliseconds = 366 * 86_400_000

  package internal(set) var engine: Engine
  let store: GatewayStore
  let configuration: GatewayConfiguration
  let logger: Logger
  let machine: any MachineClock
  private let chance: () -> Double
  let clock: LiveClock
  /// Rung after a commit that created events.
  let bell: EventBell
  /// Asks for a connection; the answer comes as `dialled`.
  package var dial: () -> Void = {}

  package private(set) var session = MQTTSession()
  var connection: MQTTConnection?
  private var isLingering = false
  /// The connection holds more than the last batch took.
  private var hasMore = false
  var received = 0
  /// The instant of the messages that are being read.
  private var readAt: Timestamp
  /// The broker ends the connection with a word of its own end.
  private var endsCleanly = false
  var uptime = BrokerUptime()
  /// How many messages the broker had dropped when there was no clock yet to tell it by: it says so again only when there are more.
  var droppedBeforeClock: Int64?
  /// A commit with messages has succeeded since the start.
  private var hasSurvived = false
  var takenAlone = 0
  private var upSince: Milliseconds = 0
  /// Set by a write or commit error that ends the process.
  package internal(set) var failure: StoreError?
  package private(set) var isStoreFull = false
  package private(set) var isDiskFull = false
  /// There is less room on the disk than there has to be: intake pauses while something can still be committed.
  package private(set) var isDiskLow = false
  private(set) var health: StoreHealth
  /// Why devices and rules are still those from before the last reload; empty where that was a good one.
  var reloadFaults: [FileFault] = []
  /// Intake has stopped for good; then the process ends.
  private var isStopping = false
  /// When intake leaves the broker at the latest, once it stops.
  private var leavesAt: Milliseconds?
  private var isIntakeWanted = false
  private var isEnding = false
  package private(set) var hasEnded = false
  private var marks: [DeliveryMark] = []
  private var waiting: [(Result<Void, StoreError>) -> Void] = []
  /// Why there was no connection when that was last logged: the same again is no news.
  private var lastSaid: String?
  var wasAccepted = false
  package private(set) var commits = Histogram()

  /// - Parameter chance: a random number in 0 ..< 1, for the jitter of reconnecting.
  package init(
    engine: Engine, store: GatewayStore, configuration: GatewayConfiguration, bell: EventBell, logger: Logger,
    machine: any MachineClock = SystemClock(), chance: @escaping () -> Double = { Double.random(in: 0..<1) }
  ) {
    (self.bell, self.machine, self.chance) = (bell, machine, chance)
    (self.engine, self.store, self.configuration, self.logger) = (engine, store, configuration, logger)
    clock = LiveClock(machine, after: engine.clock)
    readAt = clock.now
    health = StoreHealth(logBytesMax: configuration.logBytesMax)
    // Whatever was up when the last process ended is down now. A sender's clock stands until its first message.
    if let clock = engine.clock ?? (configuration.brokerClock == .gateway ? self.clock.now : nil) { engine.intake(up: false, at: clock) }
    if store.hasUntoldRestores, configuration.brokerClock == .gateway { engine.clock(at: self.clock.now) }
    store.tellOfRestores(engine)
  }

  // MARK: One turn

  /// - Parameter seen: what poll saw on the socket.
  /// - Returns: what to wait for before the next turn; nil when all is over.
  package func turn(_ seen: Int16) -> Wait? {
    if hasEnded { return nil }
    // In a crowd a batch may gather; the bell still wakes us. Else what came during the last commit is batch enough.
    if !isLingering, !hasMore, received >= Self.crowd, seen & Int16(POLLIN) != 0, session.isUp {
      isLingering = true
      return Wait(socket: -1, events: 0, milliseconds: Self.lingerInCrowd)
    }
    let wasReadable = isLingering || hasMore || seen != 0
    isLingering = false
    // On a full disk nothing is read: what is in hand cannot be acknowledged.
    if !isDiskFull { if wasReadable { drain() } else { caughtUp() } }
    handle(.timePassed)
    passTime()
    commit()
    acknowledge()
    tend()
    if isDiskLow { checkDisk() }
    if health.isHeld { checkLog() }
    leaveIfDue()
    if isEnding, connection == nil { hasEnded = true }
    if failure != nil { hasEnded = true }
    if hasEnded, failure == nil { endCleanly() }
    return hasEnded ? nil : nextWait()
  }

  /// What the store does between batches.
  private func tend() {
    guard failure == nil, !isDiskFull else { return }
    endIfFailing { () throws(StoreError) in try store.tend(engine, realNow: machine.wall) }
    if isStoreFull { checkSize() }
  }

  /// An error of the store ends the process.
  private func endIfFailing(_ work: () throws(StoreError) -> Void) {
    do throws(StoreError) {
      try work()
      ring()
    } catch {
      fail(error)
    }
  }

  func fail(_ error: StoreError) {
    failure = error
    logger.critical("The store failed; nothing more is acknowledged", metadata: ["error": "\(error)"])
    refuseWaiting(error)
  }

  private func nextWait() -> Wait {
    if hasMore, !isDiskFull { return Wait(socket: -1, events: 0, milliseconds: 0) }
    var milliseconds: Milliseconds = session.state == .catchingUp ? 1 : 1000
    if case .waiting(let until) = session.state { milliseconds = min(milliseconds, max(1, until - machine.monotonic)) }
    if configuration.brokerClock == .gateway, !isStoreFull, let due = engineDue {
      milliseconds = min(milliseconds, max(1, due - clock.now))
    }
    if isDiskFull { return Wait(socket: -1, events: 0, milliseconds: 500) }
    if let due = leavesAt { milliseconds = min(milliseconds, max(1, due - machine.monotonic)) }
    guard let connection else { return Wait(socket: -1, events: 0, milliseconds: Int32(milliseconds)) }
    if let due = connection.dueAt { milliseconds = min(milliseconds, max(1, due - machine.monotonic)) }
    let events = Int16(POLLIN) | (connection.wantsWrite ? Int16(POLLOUT) : 0)
    return Wait(socket: connection.socket, events: events, milliseconds: Int32(milliseconds))
  }

  /// Reads until the connection has no more or the batch is full: poll cannot see what TLS holds.
  private func drain() {
    received = 0
    hasMore = false
    let until = machine.monotonic + Self.batchMilliseconds
    while let connection {
      readAt = clock.now
      switch connection.read(now: machine.monotonic) {
      case .drained: return
      case .fault(let fault): return lose(fault)
      case .more: break
      }
      if received >= Self.batchMessages || machine.monotonic >= until {
        hasMore = true
        return
      }
    }
  }

  private func lose(_ fault: MQTTFault) {
    endsCleanly = fault.isBrokerEnding
    handle(.lost(fault.description))
  }

  /// The connection had nothing to read.
  private func caughtUp() {
    handle(.drained)
    // What the process died of is the first that the broker sends again; that may take a moment.
    if store.isCareful, session.isUp, machine.monotonic - upSince >= Self.resendingMax { survived() }
  }

  func survived() {
    logger.notice("Going on as ever: what was in hand when the process died is done")
    store.survived()
  }

  private func endCleanly() {
    store.survived()
    do throws(StoreError) {
      try store.sealAll(engine, realNow: machine.wall)
    } catch {
      logger.error("The log could not be sealed; the next start reads it", metadata: ["error": "\(error)"])
    }
    store.file.checkpoint()
  }

  /// The engine's clock moves on without messages; a stepped wall clock is told to it.
  private func passTime() {
    guard configuration.brokerClock == .gateway, !isStoreFull, failure == nil else { return }
    let now = clock.now
    if clock.hasStepped != engine.isWallStepped {
      _ = engine.command(EngineCommand.clock(doubtful: clock.hasStepped).json, at: now)
    }
    if engineDue.map({ now >= $0 }) ?? true { engine.clock(at: now) }
  }

  /// When the engine has something to do without any input: at its next tick, or before. Nil before its first input.
  private var engineDue: Timestamp? {
    guard let tick = engine.clock?.nextMinute else { return nil }
    return engine.nextDue.map { min($0, tick) } ?? tick
  }

  // MARK: Commit, then acknowledge

  func commit() {
    if let failure { return refuseWaiting(failure) }
    guard !engine.isBatchEmpty || !marks.isEmpty else { return resumeWaiting() }
    let begun = machine.monotonicNanoseconds
    let counted = received
    do throws(StoreError) {
      try commitOnWhatIsLeft()
      commits.record(nanoseconds: machine.monotonicNanoseconds - begun)
      marks.removeAll(keepingCapacity: true)
      isDiskFull = false
      if counted > 0, !hasSurvived, !store.isCareful {
        hasSurvived = true
        store.survived()
      }
      resumeWaiting()
      ring()
      checkSize()
      checkLog()
      checkDisk()
    } catch {
      commitFailed(error)
    }
  }

  /// What finds no room gets what is kept for it.
  private func commitOnWhatIsLeft() throws(StoreError) {
    do throws(StoreError) { _ = try store.commit(engine, marks: marks, realNow: machine.wall) } catch {
      guard error == .full, store.file.reserve.give() else { throw error }
      logger.warning("The disk is full: what was kept for that is used up", metadata: ["directory": "\(store.file.directory)"])
      _ = try store.commit(engine, marks: marks, realNow: machine.wall)
    }
  }

  func ring() { if let given = store.takeGiven() { bell.ring(given) } }

  private func commitFailed(_ error: StoreError) {
    guard error == .full, !isEnding else { return fail(error) }
    if isStopping { refuseWaiting(error) }  // nobody may wait for space while the process ends; a mark that is not kept is told again
    if !isDiskFull {
      logger.error("The disk is full: nothing is acknowledged until there is space", metadata: ["directory": "\(store.file.directory)"])
    }
    isDiskFull = true  // the batch is tried again every half second; the broker holds the queue
  }

  private func refuseWaiting(_ error: StoreError) {
    marks.removeAll()
    tellWaiting(.failure(error))
  }

  private func resumeWaiting() { if !waiting.isEmpty { tellWaiting(.success(())) } }

  /// Who is told may ask again at once.
  private func tellWaiting(_ result: Result<Void, StoreError>) {
    let told = waiting
    waiting = []
    for done in told { done(result) }
  }

  func acknowledge() {
    guard let connection, failure == nil, !isDiskFull else { return }
    let now = machine.monotonic
    if let fault = connection.misc(now: now) ?? connection.write(now: now) { lose(fault) }
  }

  /// A store that was full has to have some room again.
  private var isBeyondSize: Bool {
    let (size, heads) = (configuration.sizeMax, Self.headBytesMax)
    return store.file.bytes >= (isStoreFull ? size - size / 20 : size) || engine.headBytes >= (isStoreFull ? heads - heads / 20 : heads)
  }

  /// Where the oldest readings made no room, the store is full: intake stops, and says so, until there is some.
  func checkSize() {
    if isBeyondSize {
      _ = store.file.emptyLog()  // what only stands in the write-ahead log is no lasting size
      if isBeyondSize { endIfFailing { () throws(StoreError) in try store.makeRoom(engine, realNow: machine.wall) } }
    }
    guard isBeyondSize != isStoreFull else { return }
    isStoreFull.toggle()
    guard isStoreFull else {
      logger.notice("The store is below max_size again: intake goes on", metadata: ["bytes": "\(store.file.bytes)"])
      return goOn()
    }
    logger.critical("The store has reached max_size: intake stops, the broker keeps what comes", metadata: ["bytes": "\(store.file.bytes)"])
    pause()
  }

  /// Intake leaves the broker, which keeps what comes, while something has to be mended first.
  private func pause() {
    acknowledge()
    handle(.stop)
  }

  private func goOn() { if isIntakeWanted, !isStopping, isFit { handle(.start) } }

  /// Nothing is in the way of taking anything in.
  private var isFit: Bool { !isStoreFull && !isDiskLow && !health.isHeld }

  /// A disk with hardly any room left pauses intake until there is some again.
  func checkDisk() {
    let reserve = store.file.reserve
    guard reserve.isLow(wasLow: isDiskLow) != isDiskLow else { return }
    isDiskLow.toggle()
    guard isDiskLow else {
      reserve.take()
      logger.notice("There is room on the disk again: intake goes on", metadata: ["directory": "\(store.file.directory)"])
      return goOn()
    }
    logger.error(
      "The disk is nearly full: intake pauses, the broker keeps what comes",
      metadata: ["directory": "\(store.file.directory)", "needed": "\(reserve.lowWater >> 10) KB"])
    pause()
  }

  /// A reader that holds the log beyond its bound stops intake until it is gone.
  func checkLog() {
    let file = store.file
    switch health.check(logBytes: file.logBytes, empty: file.emptyLog, holders: { file.logHolders }) {
    case .none: return
    case .held:
      logger.error("Intake is paused", metadata: ["why": "\(health.problem ?? "")"])
      pause()
    case .freed:
      logger.info("The reader that held the store's log is gone: intake goes on")
      goOn()
    }
  }

  // MARK: The session

  /// Takes the intake up, as soon as the store is fit for it.
  package func startIntake() {
    isIntakeWanted = true
    checkSize()
    checkDisk()
    if isFit, !hasEnded { handle(.start) }
  }

  package func handle(_ event: MQTTSession.Event) {
    let action = session.handle(event, now: machine.monotonic, jitter: chance())
    switch action {
    case .none: return
    case .dial: dial()
    case .subscribe(let present): begin(sessionPresent: present)
    case .up:
      lastSaid = nil
      upSince = machine.monotonic
      logger.info("Intake is up", metadata: ["broker": "\(configuration.broker.host):\(configuration.broker.port)"])
      noteIntake(up: true)
    case .drop, .down: drop(wasUp: action == .down)
    case .disconnect(let wasUp):
      // A clean DISCONNECT takes the queued acknowledgements with it: only where all they speak of is committed.
      if failure == nil, !isDiskFull, engine.isBatchEmpty { connection?.disconnect(now: machine.monotonic) }
      drop(wasUp: wasUp)
    }
  }

  private func begin(sessionPresent: Bool) {
    if !sessionPresent, engine.hasHadSession { logger.error("The broker has lost our session: what it held is gone") }
    tell(sessionPresent ? .sessionKept : .sessionNew)
    let filters = TopicIndex.subscriptions.map { (topic: $0, qos: UInt8(1)) } + BrokerReport.topics.map { (topic: $0, qos: UInt8(0)) }
    if let fault = connection?.subscribe(filters) { lose(fault) }
  }

  /// A sender's clock stands until its first message.
  var hasClock: Bool { engine.clock != nil || configuration.brokerClock == .gateway }

  func tell(_ command: EngineCommand, isRecorded: Bool = true) {
    if hasClock { _ = engine.command(command.json, at: instant(sentAt: nil), isRecorded: isRecorded) }
  }

  private func drop(wasUp: Bool) {
    if let why = session.lastError, why != lastSaid || wasUp {
      logger.warning("No connection to the broker, trying on", metadata: ["why": "\(why)"])
      lastSaid = why
    }
    if let connection { uptime.connectionEnded(lastHeardAt: connection.lastHeardAt, cleanly: endsCleanly) }
    endsCleanly = false
    connection?.close()  // also from inside a read: nothing more of it is taken
    connection = nil
    hasMore = false
    if wasUp { noteIntake(up: false) }
  }

  private func noteIntake(up: Bool) {
    if hasClock { engine.intake(up: up, at: instant(sentAt: nil)) }
  }

  package func dialled(_ result: Result<MQTTConnection, MQTTFault>) {
    guard session.state == .dialling else { return }
    switch result {
    case .success(let new):
      connection = new
      new.delegate = self
      handle(.dialled)
      tell(.sessionAsked)  // committed before CONNECT leaves
    case .failure(let fault): handle(.dialFailed(fault.description))
    }
  }

  /// The instant of a message: the gateway's clock when its bytes were read, or the sender's where it tells the time.
  func instant(of message: borrowing MQTTMessage) -> Timestamp {
    configuration.brokerClock == .gateway ? readAt : instant(sentAt: message.sentAt)
  }

  /// The instant of an input: the gateway's clock, or the sender's where it tells the time.
  private func instant(sentAt: Int64?) -> Timestamp {
    switch configuration.brokerClock {
    case .gateway: return clock.now
    case .sender:
      let last = engine.clock
      guard let sentAt, Timestamp.plausible.contains(sentAt) else { return last ?? clock.now }
      if let last, sentAt - last.milliseconds > Self.senderLeapMax { return last }
      return Timestamp(milliseconds: sentAt)
    }
  }

  // MARK: Requests

  /// The marks join the next commit, after which `done` is called.
  package func add(_ new: [DeliveryMark], done: @escaping (Result<Void, StoreError>) -> Void) {
    if hasEnded { return done(.failure(failure ?? StoreError.unusable("the gateway has ended"))) }
    marks += new
    waiting.append(done)
  }

  /// A command as traces have it. It joins the next commit, after which `done` is called with what became of it.
  package func submit(_ json: [UInt8], done: @escaping (Result<CommandOutcome, StoreError>) -> Void) {
    if hasEnded { return done(.failure(failure ?? StoreError.unusable("the gateway has ended"))) }
    guard hasClock else { return done(.success(.refused(.noClock))) }
    var outcome = engine.command(json, at: instant(sentAt: nil))
    // The engine knows of alerts that are raised; the others are the store's.
    if case .refused(.unknownAlert(let id)) = outcome, (try? store.file.read { db in try AlertTable.alert(id, db) }) ?? nil != nil {
      outcome = .refused(.alertEnded(id))
    }
    waiting.append { [outcome] result in done(result.map { outcome }) }
  }

  /// Commits and acknowledges what was received, then leaves the broker. An answer to CONNECT that is on its way is waited for: it may
  /// say that the broker did not keep the session, and is not said twice.
  package func stopIntake() {
    isStopping = true
    commit()
    leavesAt = machine.monotonic + (session.state == .connecting ? Self.answerMax : 0)
    leaveIfDue()
  }

  private func leaveIfDue() {
    guard let due = leavesAt, session.state != .connecting || machine.monotonic >= due else { return }
    leavesAt = nil
    handle(.stop)
  }

  /// Ends after the batch in hand.
  package func end() { isEnding = true }
}
