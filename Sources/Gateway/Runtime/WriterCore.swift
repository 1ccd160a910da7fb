import Database
import DeviceRegistry
import Glibc
import Logging
import MQTTIntake
import Outbox
import Readings

/// What the writer thread does: read from the broker, step the engine, commit, acknowledge. Everything here runs on that thread.
final class WriterCore {
  /// One batch is bounded by messages and by time.
  private static let batchMessages = 4096
  private static let batchMilliseconds: Milliseconds = 20
  /// After a batch of this size more are sure to come: a longer wait then costs nobody, and saves wake-ups, commits and segments.
  /// It stays far below what a receive-maximum of 900 messages takes to arrive.
  private static let crowd = 96
  private static let lingerInCrowd: Int32 = 3
  /// Memory that heads may take while there are no chunks.
  private static let headBytesMax = 4 << 30
  /// A sender's time further ahead than this is no time.
  private static let senderLeapMax: Milliseconds = 366 * 86_400_000

  let engine: Engine
  let store: GatewayStore
  let configuration: GatewayConfiguration
  let logger: Logger
  let clock: LiveClock
  /// Rung after a commit that created events.
  let bell: EventBell
  /// Asks for a connection; the answer comes as `dialled`.
  var dial: () -> Void = {}

  private(set) var session = MQTTSession()
  private var connection: MQTTConnection?
  private var isLingering = false
  private var received = 0
  /// Set by a write or commit error that ends the process.
  private(set) var failure: StoreError?
  private(set) var isStoreFull = false
  private(set) var isDiskFull = false
  /// Intake has stopped for good; then the process ends.
  private var isStopping = false
  private var isEnding = false
  private(set) var hasEnded = false
  private var marks: [DeliveryMark] = []
  private var waiting: [CheckedContinuation<Void, any Error>] = []
  private var hadSession: Bool
  /// Why there was no connection when that was last logged: the same again is no news.
  private var lastSaid: String?
  private var wasAccepted = false
  private(set) var commits = Histogram()

  init(engine: Engine, store: GatewayStore, configuration: GatewayConfiguration, bell: EventBell, logger: Logger) {
    self.bell = bell
    (self.engine, self.store, self.configuration, self.logger) = (engine, store, configuration, logger)
    clock = LiveClock(after: engine.clock)
    hadSession = engine.hasBeenUp
    // Whatever was up when the last process ended is down now. A sender's clock stands until its first message.
    if let clock = engine.clock ?? (configuration.brokerClock == .gateway ? self.clock.now : nil) { engine.intake(up: false, at: clock) }
  }

  // MARK: One turn

  func turn(_ seen: Int16) -> WriterThread.Wait? {
    if hasEnded { return nil }
    if !isLingering, seen & Int16(POLLIN) != 0, session.isUp {
      isLingering = true  // let a batch gather; the bell still wakes us
      return WriterThread.Wait(socket: -1, events: 0, milliseconds: received >= Self.crowd ? Self.lingerInCrowd : 1)
    }
    let wasReadable = isLingering || seen != 0
    isLingering = false
    // On a full disk nothing is read: what is in hand cannot be acknowledged.
    if !isDiskFull { if wasReadable { drain() } else { handle(.drained) } }
    handle(.timePassed)
    passTime()
    commit()
    acknowledge()
    if isEnding, connection == nil { hasEnded = true }
    if failure != nil { hasEnded = true }
    if hasEnded, failure == nil { store.file.checkpoint() }
    return hasEnded ? nil : nextWait()
  }

  private func nextWait() -> WriterThread.Wait {
    var milliseconds: Milliseconds = session.state == .catchingUp ? 1 : 1000
    if case .waiting(let until) = session.state { milliseconds = min(milliseconds, max(1, until - LiveClock.monotonic)) }
    if configuration.brokerClock == .gateway, let tick = engine.clock?.nextMinute {
      milliseconds = min(milliseconds, max(1, tick - clock.now))
    }
    if isDiskFull { return WriterThread.Wait(socket: -1, events: 0, milliseconds: 500) }
    guard let connection else { return WriterThread.Wait(socket: -1, events: 0, milliseconds: Int32(milliseconds)) }
    let events = Int16(POLLIN) | (connection.wantsWrite ? Int16(POLLOUT) : 0)
    return WriterThread.Wait(socket: connection.socket, events: events, milliseconds: Int32(milliseconds))
  }

  /// Reads until a read brings no message or the batch is full: poll cannot see what TLS holds.
  private func drain() {
    received = 0
    var before = -1
    let until = LiveClock.monotonic + Self.batchMilliseconds
    while let connection, received != before, received < Self.batchMessages, LiveClock.monotonic < until {
      before = received
      if let fault = connection.read() {
        handle(.lost(fault.description))
        return
      }
    }
  }

  /// The engine's clock moves on without messages; a stepped wall clock is told to it.
  private func passTime() {
    guard configuration.brokerClock == .gateway, !isStoreFull, failure == nil else { return }
    let now = clock.now
    if clock.hasStepped != engine.isWallStepped {
      let command = clock.hasStepped ? EngineCommand.clockDoubtful : .clockTrusted
      _ = engine.command(command.json, at: now)
    }
    if let last = engine.clock { if now >= last.nextMinute { engine.clock(at: now) } } else { engine.clock(at: now) }
  }

  // MARK: Commit, then acknowledge

  func commit() {
    guard failure == nil, !engine.isBatchEmpty || !marks.isEmpty else { return resumeWaiting() }
    let begun = LiveClock.monotonicNanoseconds
    do throws(StoreError) {
      let events = try store.commit(engine, marks: marks, realNow: LiveClock.wall)
      commits.record(nanoseconds: LiveClock.monotonicNanoseconds - begun)
      marks.removeAll(keepingCapacity: true)
      isDiskFull = false
      resumeWaiting()
      if !events.isEmpty { bell.ring() }
      checkSize()
    } catch {
      commitFailed(error)
    }
  }

  private func commitFailed(_ error: StoreError) {
    guard error == .full, !isEnding else {
      failure = error
      logger.critical("The store failed; nothing more is acknowledged", metadata: ["error": "\(error)"])
      refuseWaiting(error)
      return
    }
    if isStopping { refuseWaiting(error) }  // nobody may wait for space while the process ends; a mark that is not kept is told again
    if !isDiskFull {
      logger.error("The disk is full: nothing is acknowledged until there is space", metadata: ["directory": "\(store.file.directory)"])
    }
    isDiskFull = true  // the batch is tried again every half second; the broker holds the queue
  }

  private func refuseWaiting(_ error: StoreError) {
    for continuation in waiting { continuation.resume(throwing: error) }
    waiting.removeAll()
    marks.removeAll()
  }

  private func resumeWaiting() {
    for continuation in waiting { continuation.resume() }
    waiting.removeAll(keepingCapacity: true)
  }

  private func acknowledge() {
    guard let connection, failure == nil, !isDiskFull else { return }
    if let fault = connection.misc() ?? connection.write() { handle(.lost(fault.description)) }
  }

  /// Until there are chunks, a store that is full stays full: intake stops, and says so.
  func checkSize() {
    guard !isStoreFull, store.file.bytes >= configuration.sizeMax || engine.headBytes >= Self.headBytesMax else { return }
    isStoreFull = true
    logger.critical("The store has reached max_size: intake stops, the broker keeps what comes", metadata: ["bytes": "\(store.file.bytes)"])
    acknowledge()
    handle(.stop)
  }

  // MARK: The session

  func handle(_ event: MQTTSession.Event) {
    let action = session.handle(event, now: LiveClock.monotonic, jitter: Double.random(in: 0..<1))
    switch action {
    case .none: return
    case .dial: dial()
    case .subscribe(let present): begin(sessionPresent: present)
    case .up:
      lastSaid = nil
      logger.info("Intake is up", metadata: ["broker": "\(configuration.broker.host):\(configuration.broker.port)"])
      noteIntake(up: true)
    case .drop, .down: drop(wasUp: action == .down)
    case .disconnect(let wasUp):
      // A clean DISCONNECT takes the queued acknowledgements with it: only where all they speak of is committed.
      if failure == nil, !isDiskFull, engine.isBatchEmpty { connection?.disconnect() }
      drop(wasUp: wasUp)
    }
  }

  private func begin(sessionPresent: Bool) {
    engine.connectionBegan(sessionPresent: sessionPresent)
    if hadSession, !sessionPresent, let last = engine.clock {
      logger.error("The broker has lost our session: what it held is gone")
      engine.gap(cause: "session_lost", from: last, to: max(last, instant(sentAt: nil)), detail: "the broker did not keep the session")
    }
    hadSession = true
    if let fault = connection?.subscribe(TopicIndex.subscriptions) { handle(.lost(fault.description)) }
  }

  private func drop(wasUp: Bool) {
    if let why = session.lastError, why != lastSaid || wasUp {
      logger.warning("No connection to the broker, trying on", metadata: ["why": "\(why)"])
      lastSaid = why
    }
    connection = nil
    if wasUp { noteIntake(up: false) }
  }

  private func noteIntake(up: Bool) {
    if engine.clock != nil || configuration.brokerClock == .gateway { engine.intake(up: up, at: instant(sentAt: nil)) }
  }

  func dialled(_ result: Result<MQTTConnection, MQTTFault>) {
    guard session.state == .dialling else { return }
    switch result {
    case .success(let new):
      connection = new
      new.delegate = self
      handle(.dialled)
    case .failure(let fault): handle(.dialFailed(fault.description))
    }
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

  /// The marks join the next commit, which then resumes the continuation.
  func add(_ new: [DeliveryMark], _ continuation: CheckedContinuation<Void, any Error>) {
    if hasEnded { return continuation.resume(throwing: failure ?? StoreError.unusable("the gateway has ended")) }
    marks += new
    waiting.append(continuation)
  }

  /// Commits and acknowledges what was received, then leaves the broker.
  func stopIntake() {
    isStopping = true
    commit()
    handle(.stop)
  }

  /// Ends after the batch in hand.
  func end() { isEnding = true }
}

extension WriterCore: MQTTConnectionDelegate {
  func received(_ message: borrowing MQTTMessage) {
    received += 1
    engine.message(
      MessageInput(topic: message.topic, payload: message.payload, retain: message.retain, packet: message.packet),
      at: instant(sentAt: message.sentAt))
  }
  func accepted(sessionPresent: Bool) {
    wasAccepted = true
    handle(.accepted(sessionPresent: sessionPresent))
  }
  func refused(_ reason: String) {
    handle(.refused(reason))
    // Wrong credentials at the start are the operator's to mend; later, the broker may be in the middle of a change.
    if !wasAccepted {
      failure = .unusable(
        "\(configuration.broker.host):\(configuration.broker.port): \(reason); check broker.username and broker.password_file")
    }
  }
  func subscribed() { handle(.subscribed) }
  func subscriptionRefused(_ reason: String) { handle(.subscriptionRefused(reason)) }
}
