package import Readings

/// What an attempt came to, as the shell saw it.
package enum AttemptOutcome: Sendable, Equatable {
  /// The IOC answered. `text` is the beginning of its answer, one line.
  case answered(status: Int, retryAfter: RetryAfter?, text: String)
  /// It did not: no address, no connection, no answer in time. One line says what.
  case failed(String)
}

/// A moment as a sink's queue sees it: delays run on a clock that nobody sets, and what is kept for after a restart is real time.
package struct SinkInstant: Sendable, Equatable {
  package var wall: Timestamp
  /// Milliseconds of a clock that only goes forward.
  package var uptime: Milliseconds
  package init(wall: Timestamp, uptime: Milliseconds) { (self.wall, self.uptime) = (wall, uptime) }
}

/// One sink's queue as a value: it decides, the shell (`SinkWorker`) performs.
///
/// Up to `concurrency` requests are in flight, at most `rate` begin in a second, and the events of one alert go one after the other, in
/// order of sequence; those of no alert are a lane of their own. An event that must be tried again holds up its own alert. When the sink
/// itself is down (`SinkHealth`) everything waits for one probe.
///
/// Memory: at most `loadedMax` events, a page more and those in flight are held with their bodies, of 64 KiB each at most. An event that
/// waits for its time, or far behind others of its alert, is held as a number, at most `knownMax` of them (about 100 bytes each, 300 where
/// it is alone of its alert), and read again when its turn comes: so none keeps those behind it from being read.
package struct SinkState: Sendable {
  package enum Phase: Sendable, Equatable {
    /// Nothing waits; only a wake leads on.
    case idle
    /// Requests are in flight, or what waits is being read.
    case sending
    /// Nothing is in flight, and something is tried at that uptime at the earliest.
    case waiting(until: Milliseconds)
    /// The IOC wants no more events. Left when a read after a wake says that the sink was resumed.
    case stopped(reason: String)
  }

  package enum Event: Sendable {
    /// Something new may wait, or the sink was resumed.
    case wake
    /// A commit gave it these, in order: as a wake, and what follows on what was read before need not be read.
    case given([WaitingDelivery])
    case backlog(SinkBacklog)
    /// Of the deliveries that were asked for, those that still wait.
    case fetched(SinkBacklog)
    /// An operator says go on: pauses and delays are over.
    case resumed
    /// The sleep is over.
    case alarm
    /// `jitter` is a random number in 0..<1. Nothing expires by a clock that is not trusted.
    case attempted(Int64, AttemptOutcome, jitter: Double, isClockTrusted: Bool = true)
    /// These marks are committed.
    case committed([DeliveryMark])
  }

  package enum Action: Sendable, Equatable {
    /// Answered with `.backlog`.
    case read(after: Int64, limit: Int)
    /// Answered with `.fetched`.
    case fetch([Int64])
    /// Answered with `.attempted`.
    case send(WaitingDelivery)
    /// Answered with `.committed`.
    case mark(DeliveryMark)
    /// Answered with `.alarm`, then. It takes the place of the sleep before it.
    case sleep(until: Milliseconds)
  }

  package static let loadedMax = 256
  package static let knownMax = 200_000
  static let pageSize = 64
  /// How often the whole queue is read while events wait: what was sent back to it, by a command, stands before what was read.
  static let rereadEvery: Milliseconds = 60_000
  /// After something that could not be read it is read again so soon.
  static let doubtedFor: Milliseconds = 5_000

  let sink: String
  let retry: RetryPolicy
  private let concurrency: Int

  private(set) var health: SinkHealth
  private var pace: SinkPace
  private var lanes: [String: SinkLane] = [:]
  private var underWay: [Int64: String] = [:]
  private var ready = SinkLaneList()
  private var wanted = SinkLaneList()
  private var waiting = SinkLaneList()
  /// Events in `lanes`, and those of them that are held with their bodies.
  private var known = 0
  package private(set) var loaded = 0
  /// Settled, while their marks may not be committed or a read of before the commit is under way.
  private var settled: Set<Int64> = []
  private var reading = ReadProgress()
  private var fetching: [(sequence: Int64, lane: String)] = []
  private var alarm: Milliseconds?
  private var stop: Stop?

  private struct Stop {
    var reason: String
    /// A read says whether the sink was resumed only when it is known to be stopped.
    var isCommitted: Bool
  }

  private struct ReadProgress {
    var isUnderWay = false
    /// It began before the sink stopped.
    var isOutdated = false
    /// There may be more behind the cursor.
    var hasMore = false
    var isWoken = false
    var cursor: Int64 = 0
    var againAt: Milliseconds?
    /// Something could not be read, and whether it was set aside is not known: the whole queue is read again.
    var isDoubted = false
    /// Committed while something was being read.
    var committed: [Int64] = []
  }

  /// - Parameters:
  ///   - concurrency: requests in flight at most, from 1.
  ///   - rate: requests begun in a second at most; nil for no limit.
  package init(sink: String, retry: RetryPolicy, concurrency: Int = 4, rate: Double? = nil) {
    precondition(concurrency >= 1 && rate.map { $0 > 0 } ?? true, "a sink that sends nothing is no sink")
    (self.sink, self.retry, self.concurrency) = (sink, retry, concurrency)
    (health, pace) = (SinkHealth(retry: retry), SinkPace(rate: rate))
  }

  package var phase: Phase {
    if let stop { return .stopped(reason: stop.reason) }
    if !underWay.isEmpty || reading.isUnderWay || !fetching.isEmpty { return .sending }
    return lanes.isEmpty ? .idle : .waiting(until: alarm ?? 0)
  }

  package var isUp: Bool { health.isUp }
  /// Until when the IOC asked for a pause; nil where it did not, or that is over.
  package func pausedUntil(at uptime: Milliseconds) -> Milliseconds? { health.asked(at: uptime) }
  package var inFlight: Int { underWay.count }

  /// The actions to perform, in their order.
  package mutating func handle(_ event: Event, at now: SinkInstant) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .wake: wake()
    case .given(let deliveries): take(deliveries, at: now)
    case .resumed: resume()
    case .backlog(let backlog): receive(backlog, at: now, &actions)
    case .fetched(let found): fill(found, at: now, &actions)
    case .alarm: alarm = nil
    case .attempted(let sequence, let outcome, let jitter, let isClockTrusted):
      settle(sequence, outcome, at: now, jitter: jitter, mayExpire: isClockTrusted, &actions)
    case .committed(let marks): note(marks, at: now)
    }
    goOn(at: now, &actions)
    return actions
  }

  private mutating func goOn(at now: SinkInstant, _ actions: inout [Action]) {
    if stop == nil {
      release(at: now)
      send(at: now, &actions)
      fetch(&actions)
    }
    read(at: now, &actions)
    setAlarm(at: now, &actions)
  }
}

// MARK: Reading

extension SinkState {
  private mutating func wake() {
    if reading.isUnderWay { reading.isWoken = true } else { reading.hasMore = true }
  }

  /// Where something may stand between what was read and what is given, or there is no room, it is read.
  private mutating func take(_ given: [WaitingDelivery], at now: SinkInstant) {
    let last = reading.cursor + Int64(given.count)
    let isNext = given.first?.sequence == reading.cursor + 1 && given.last?.sequence == last
    // What is to be fetched needs the room first, and what the writer could read may stand before.
    let isCalm = stop == nil && !reading.isUnderWay && !reading.hasMore && !reading.isDoubted && wanted.isEmpty && fetching.isEmpty
    guard isNext, isCalm, loaded + given.count <= Self.loadedMax, known < Self.knownMax else { return wake() }
    for delivery in given { admit(delivery, at: now) }
    reading.cursor = last
    if reading.againAt == nil { reading.againAt = now.uptime + Self.rereadEvery }
  }

  /// What is under way stays so; everything else is read anew, with the times that it has then.
  private mutating func resume() {
    if stop == nil { forgetAll() }
    wake()
  }

  private mutating func read(at now: SinkInstant, _ actions: inout [Action]) {
    guard !reading.isUnderWay, stop?.isCommitted ?? true else { return }
    if let due = reading.againAt, due <= now.uptime {
      (reading.cursor, reading.hasMore, reading.againAt, reading.isDoubted) = (0, true, nil, false)
    }
    guard reading.hasMore, loaded + Self.pageSize <= Self.loadedMax, known < Self.knownMax else { return }
    if lanes.isEmpty { reading.cursor = 0 }
    reading.isUnderWay = true
    actions.append(.read(after: reading.cursor, limit: Self.pageSize))
  }

  private mutating func receive(_ backlog: SinkBacklog, at now: SinkInstant, _ actions: inout [Action]) {
    precondition(reading.isUnderWay, "a page was asked for")
    let isOutdated = reading.isOutdated
    reading.hasMore = reading.isWoken || backlog.count >= Self.pageSize
    (reading.isUnderWay, reading.isOutdated, reading.isWoken) = (false, false, false)
    defer { forgetCommitted() }
    if isOutdated {
      reading.hasMore = true
      return
    }
    if let reason = backlog.stopped {
      if stop == nil { forgetAll() }
      stop = Stop(reason: reason, isCommitted: true)
      return
    }
    stop = nil
    for delivery in backlog.deliveries where !settled.contains(delivery.sequence) { admit(delivery, at: now) }
    // What was read before it was damaged is sent from memory.
    for damaged in backlog.damaged where !lanes.values.contains(where: { $0.contains(damaged.sequence) }) { setAside(damaged, &actions) }
    if let last = backlog.lastSequence { reading.cursor = last }
    if backlog.count < Self.pageSize, reading.againAt == nil { reading.againAt = now.uptime + Self.rereadEvery }
  }

  private mutating func admit(_ delivery: WaitingDelivery, at now: SinkInstant) {
    let key = delivery.alert ?? ""
    guard !(lanes[key]?.contains(delivery.sequence) ?? false) else { return }
    change(key, at: now) { $0.insert(delivery) }
  }

  private mutating func fetch(_ actions: inout [Action]) {
    guard fetching.isEmpty, !wanted.isEmpty, loaded + Self.pageSize <= Self.loadedMax else { return }
    while fetching.count < Self.pageSize, let (sequence, lane) = wanted.first {
      fetching.append((sequence, lane))
      wanted.remove(sequence, lane)
      lanes[lane]?.place = .nowhere
    }
    actions.append(.fetch(fetching.map(\.sequence)))
  }

  private mutating func fill(_ backlog: SinkBacklog, at now: SinkInstant, _ actions: inout [Action]) {
    let asked = fetching
    fetching = []
    let found = Dictionary(uniqueKeysWithValues: backlog.deliveries.map { ($0.sequence, $0) })
    for (sequence, lane) in asked where lanes[lane] != nil { change(lane, at: now) { $0.fill(sequence, found[sequence]) } }
    for damaged in backlog.damaged { setAside(damaged, &actions) }
    forgetCommitted()
  }

  /// What is damaged is none of the IOC's business: the writer makes it a dead letter, and the loss is told.
  private mutating func setAside(_ damaged: DamagedDelivery, _ actions: inout [Action]) {
    guard settled.insert(damaged.sequence).inserted else { return }
    actions.append(mark(damaged.sequence, attempts: 0, .dead(.damaged, error: damaged.what)))
  }

  private mutating func note(_ marks: [DeliveryMark], at now: SinkInstant) {
    for mark in marks {
      switch mark.outcome {
      case .stopped: stop?.isCommitted = true
      // It settles nothing: what came of the next attempt may be settled already, and its mark still be on its way.
      case .retryLater: break
      case .delivered: reading.committed.append(mark.sequence)
      case .dead(let reason, _):
        reading.committed.append(mark.sequence)
        // The writer sets aside only what it cannot read itself.
        if reason == .damaged { (reading.isDoubted, reading.againAt) = (true, now.uptime + Self.doubtedFor) }
      }
    }
    forgetCommitted()
  }

  /// A read that began before a commit may still find what that settled.
  private mutating func forgetCommitted() {
    guard !reading.isUnderWay, fetching.isEmpty else { return }
    for sequence in reading.committed { settled.remove(sequence) }
    reading.committed.removeAll(keepingCapacity: true)
  }
}

// MARK: Lanes

extension SinkState {
  /// Changes a lane and puts it where it belongs then. Every change of a lane goes through here.
  @discardableResult
  private mutating func change<T>(_ key: String, at now: SinkInstant, _ body: (inout SinkLane) -> T) -> T {
    var lane = lanes[key] ?? SinkLane()
    let before = (lane.count, lane.loaded)
    switch lane.place {
    case .nowhere: break
    case .ready(let sequence): ready.remove(sequence, key)
    case .wanted(let sequence): wanted.remove(sequence, key)
    case .waiting(let until, _): waiting.remove(until, key)
    }
    lane.place = .nowhere
    lanes[key] = nil  // so that it is not copied when it changes
    let result = body(&lane)
    place(&lane, key, at: now)
    known += lane.count - before.0
    loaded += lane.loaded - before.1
    if !lane.isEmpty { lanes[key] = lane }
    return result
  }

  private mutating func place(_ lane: inout SinkLane, _ key: String, at now: SinkInstant) {
    guard lane.underWay == nil, let head = lane.head else { return }
    if lane.heldUntil == nil, !head.isDue, let delivery = head.delivery, let until = Self.hold(delivery, at: now) {
      lane.hold(until: until)
    }
    if let until = lane.heldUntil, until > now.uptime {
      lane.place = .waiting(until: until, head.sequence)
      waiting.insert(until, key)
      return
    }
    lane.heldUntil = nil
    if lane.head?.delivery == nil {
      guard !fetching.contains(where: { $0.sequence == head.sequence }) else { return }
      lane.place = .wanted(head.sequence)
      wanted.insert(head.sequence, key)
    } else {
      lane.place = .ready(head.sequence)
      ready.insert(head.sequence, key)
    }
  }

  /// Until when a delivery that was read is not to be tried. Further ahead than the longest delay there is, or where the event is of a time
  /// that is still to come, its time was set by a wall clock that was wrong, and means nothing.
  private static func hold(_ delivery: WaitingDelivery, at now: SinkInstant) -> Milliseconds? {
    let ahead = delivery.nextAt - now.wall
    return ahead > 0 && ahead <= RetryAfter.most && delivery.firstAt <= now.wall ? now.uptime + ahead : nil
  }

  /// Lets go what has waited long enough.
  private mutating func release(at now: SinkInstant) {
    while let (until, key) = waiting.first, until <= now.uptime { change(key, at: now) { $0.noteDue() } }
  }

  /// Forgets what is not under way.
  private mutating func forgetAll() {
    (ready, wanted, waiting) = (SinkLaneList(), SinkLaneList(), SinkLaneList())
    for key in Array(lanes.keys) {
      lanes[key]?.forget()
      if lanes[key]?.isEmpty ?? true { lanes[key] = nil }
    }
    (known, loaded) = (underWay.count, 0)
    (reading.cursor, reading.againAt) = (0, nil)
    reading.isOutdated = reading.isUnderWay
    health = SinkHealth(retry: retry)
  }
}

// MARK: Sending

extension SinkState {
  private mutating func send(at now: SinkInstant, _ actions: inout [Action]) {
    while underWay.count < concurrency, health.maySend(at: now.uptime), pace.opensAt ?? now.uptime <= now.uptime, let key = next {
      let delivery = change(key, at: now) { $0.takeHead() }
      underWay[delivery.sequence] = key
      health.sent(delivery.sequence)
      pace.take(at: now.uptime)
      actions.append(.send(delivery))
    }
  }

  /// The lowest sequence. A probe is the event that has failed least, the newest of those: one that is poisoned, as its neighbours may
  /// be, would say that the sink is down for ever.
  private var next: String? {
    if health.isUp { return ready.first?.lane }
    return ready.newestFirst.min { (lanes[$0]?.head?.attempts ?? 0) < (lanes[$1]?.head?.attempts ?? 0) }
  }

  private mutating func setAlarm(at now: SinkInstant, _ actions: inout [Action]) {
    var due: [Milliseconds] = []
    if stop == nil {
      if let first = waiting.first { due.append(first.number) }
      if !ready.isEmpty, let gate = [health.downUntil, pace.opensAt].compactMap({ $0 }).max(), gate > now.uptime { due.append(gate) }
      if !lanes.isEmpty || reading.isDoubted, let again = reading.againAt, again > now.uptime { due.append(again) }
    }
    guard let next = due.min(), next != alarm else { return }
    alarm = next
    actions.append(.sleep(until: next))
  }

  private mutating func settle(
    _ sequence: Int64, _ outcome: AttemptOutcome, at now: SinkInstant, jitter: Double, mayExpire: Bool, _ actions: inout [Action]
  ) {
    guard let lane = underWay.removeValue(forKey: sequence) else { preconditionFailure("an attempt is of what is in flight") }
    switch outcome {
    case .answered(200...299, _, _):
      finish(sequence, lane, .delivered, at: now, &actions)
    case .answered(let status, _, let text) where [400, 413, 415, 422].contains(status):
      finish(sequence, lane, .dead(.rejected, error: Self.line(status, text)), at: now, &actions)
    case .answered(410, _, let text):
      stop(sequence, lane, reason: Self.line(410, text), at: now, &actions)
    case .answered(let status, let retryAfter, let text):
      let pause = retryAfter?.delay(from: now.wall)
      let ofSink = status == 429 ? pause ?? 0 : status == 503 ? pause : nil
      health.failed(sequence, lane: lane, pause: ofSink, at: now.uptime, jitter: jitter)
      postpone(sequence, lane, error: Self.line(status, text), least: pause ?? 0, at: now, jitter: jitter, mayExpire: mayExpire, &actions)
    case .failed(let text):
      health.failed(sequence, lane: lane, pause: nil, at: now.uptime, jitter: jitter)
      postpone(sequence, lane, error: text, least: 0, at: now, jitter: jitter, mayExpire: mayExpire, &actions)
    }
  }

  private mutating func finish(
    _ sequence: Int64, _ lane: String, _ outcome: DeliveryMark.Outcome, at now: SinkInstant, _ actions: inout [Action]
  ) {
    health.succeeded(sequence, at: now.uptime)
    let entry = change(lane, at: now) { $0.finish() }
    settled.insert(sequence)
    actions.append(mark(sequence, attempts: entry.attempts + 1, outcome))
  }

  private mutating func stop(
    _ sequence: Int64, _ lane: String, reason: String, at now: SinkInstant, _ actions: inout [Action]
  ) {
    let entry = change(lane, at: now) { $0.finish() }
    actions.append(mark(sequence, attempts: entry.attempts + 1, .stopped(reason: reason)))
    if stop != nil { return }
    stop = Stop(reason: reason, isCommitted: false)
    forgetAll()
  }

  /// The event is tried again when its own delay is over; while the sink is down, when the next probe may go.
  private mutating func postpone(
    _ sequence: Int64, _ lane: String, error: String, least: Milliseconds, at now: SinkInstant, jitter: Double, mayExpire: Bool,
    _ actions: inout [Action]
  ) {
    let attempts = (lanes[lane]?.underWay?.attempts ?? 0) + 1
    let own = max(least, retry.delay(afterFailures: attempts, jitter: jitter))
    let delay = health.downUntil.map { max(least, $0 - now.uptime, 0) } ?? own
    let firstAt = lanes[lane]?.underWay?.delivery?.firstAt ?? now.wall
    if mayExpire, now.wall - firstAt >= retry.giveUp {
      return expire(sequence, lane, error: error, at: now, &actions)
    }
    let isStopped = stop != nil
    change(lane, at: now) { if isStopped { _ = $0.finish() } else { $0.postpone(until: now.uptime + delay, attempts: attempts) } }
    actions.append(mark(sequence, attempts: attempts, .retryLater(nextAt: now.wall + delay, error: error)))
  }

  /// Its time is up. Where the sink is down, that failure is also of those in hand that are as old.
  private mutating func expire(_ sequence: Int64, _ lane: String, error: String, at now: SinkInstant, _ actions: inout [Action]) {
    let entry = change(lane, at: now) { $0.finish() }
    settled.insert(sequence)
    actions.append(mark(sequence, attempts: entry.attempts + 1, .dead(.expired, error: error)))
    guard !health.isUp else { return }
    let last = now.wall - retry.giveUp
    for key in lanes.keys.sorted() where lanes[key].map({ $0.loaded > 0 }) ?? false {
      for old in change(key, at: now, { lane in lane.removeLoaded { $0.firstAt <= last } }) {
        settled.insert(old.sequence)
        actions.append(mark(old.sequence, attempts: old.attempts, .dead(.expired, error: error)))
      }
    }
  }

  private func mark(_ sequence: Int64, attempts: Int, _ outcome: DeliveryMark.Outcome) -> Action {
    .mark(DeliveryMark(sink: sink, sequence: sequence, attempts: attempts, outcome: outcome))
  }

  private static func line(_ status: Int, _ text: String) -> String { text.isEmpty ? "HTTP \(status)" : "HTTP \(status): \(text)" }
}
