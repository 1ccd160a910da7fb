import Outbox
import Readings
import Simulation

/// A sink's queue, its store and its IOC in simulated time, from one seed: what `SinkState` asks for is done with delays, and each thing that
/// it must never do is noted as it happens, by a naive account of its own.
struct SinkWorld {
  struct Plan {
    var seed: UInt64 = 1
    var events = 300
    var alerts = 60
    var concurrency = 4
    var rate: Double?
    /// One answer in so many is none of 2xx; 0 is none at all.
    var trouble = 5
    /// Alerts whose first event is always answered 500.
    var poisoned = 0
    /// Spans in which nobody answers, in milliseconds from the start.
    var outages: [Range<Int64>] = []
    /// The process ends and starts again at these.
    var restarts: [Int64] = []
    /// Events are committed over this span.
    var span: Int64 = 60_000
    var giveUp: Int64 = 7 * 86_400_000
    /// One event in so many is found damaged by the reads from some instant on; 0 is none at all.
    var damage = 0
    /// An operator says go on at these.
    var resumes: [Int64] = []
  }

  private struct Row {
    var delivery: WaitingDelivery
    var isWaiting = true
    /// Settled at some time, whether or not that was committed before the process ended.
    var isSettled = false
    var notBefore: Timestamp?
    /// When it is damaged; it was sound before.
    var damagedAt = Int64.max
  }

  let plan: Plan
  private(set) var faults: [String] = []
  private(set) var delivered: Set<Int64> = []
  private(set) var dead: Set<Int64> = []
  /// Of the dead, those that were set aside.
  private(set) var damagedDead: Set<Int64> = []
  /// When each request began, and of what it was.
  private(set) var sends: [(at: Int64, sequence: Int64)] = []
  private(set) var loadedMost = 0
  /// When the last event of an alert that is not poisoned was delivered.
  private(set) var lastGood: Int64 = 0
  private(set) var now: Int64 = 0

  private var random: SeededGenerator
  private var state: SinkState
  private var rows: [Row] = []
  private var left = 0
  /// By alert, the places of its events that are not settled, in order.
  private var unsettled: [String: ArraySlice<Int>] = [:]
  private var flying: [Int64: String] = [:]
  private var agenda: [(at: Int64, generation: Int, event: SinkState.Event)] = []
  private var generation = 0
  private var alarm: Int64?
  private var uncommitted: [DeliveryMark] = []
  private var isCommitting = false
  private var arrivals: [Int64]
  private var restarts: [Int64]
  private var resumes: [Int64]
  private var heldUntil: Int64 = 0
  private var probeAfter: Int64 = 0
  private static let start = Timestamp(milliseconds: 1_763_683_200_000)
  static let retry = RetryPolicy(first: 1_000, most: 300_000, giveUp: 7 * 86_400_000)

  init(_ plan: Plan) {
    self.plan = plan
    random = SeededGenerator(seed: plan.seed)
    state = SinkWorld.machine(plan)
    (restarts, resumes, left) = (plan.restarts.sorted(), plan.resumes.sorted(), plan.events)
    arrivals = []
    for number in 0..<plan.events {
      let alert = number < plan.alerts ? number : Int(random.next() % UInt64(plan.alerts))
      let name = alert == plan.alerts - 1 ? nil : "alert-\(alert)"
      unsettled[name ?? "", default: []].append(number)
      rows.append(
        Row(
          delivery: WaitingDelivery(
            sequence: Int64(number + 1), event: "e\(number + 1)", alert: name, body: [], attempts: 0, firstAt: Self.start,
            nextAt: Self.start)))
      arrivals.append(plan.span * Int64(number) / Int64(plan.events))
      guard plan.damage > 0, random.below(Int64(plan.damage)) == 0 else { continue }
      rows[number].damagedAt = random.below(2 * plan.span) - plan.span / 2
    }
  }

  private static func machine(_ plan: Plan) -> SinkState {
    var retry = SinkWorld.retry
    retry.giveUp = plan.giveUp
    return SinkState(sink: "ioc", retry: retry, concurrency: plan.concurrency, rate: plan.rate)
  }

  private var instant: SinkInstant { SinkInstant(wall: Self.start + now, uptime: 1_000 + now) }
  private var isOver: Bool { arrivals.isEmpty && restarts.isEmpty && left == 0 && uncommitted.isEmpty }

  /// Runs to the end: every event delivered or dead. False where it does not get there.
  mutating func run(steps: Int = 400_000) -> Bool {
    handle(.wake)
    for _ in 0..<steps {
      if isOver { return true }
      let instants = [arrivals.first, restarts.first, resumes.first, alarm].compactMap { $0 } + agenda.map(\.at)
      guard let next = instants.min() else { return false }
      now = max(now, next)
      step()
    }
    return false
  }

  private mutating func step() {
    if let at = arrivals.first, at <= now {
      let begin = plan.events - arrivals.count
      while let at = arrivals.first, at <= now { arrivals.removeFirst() }
      let new = rows[begin..<(plan.events - arrivals.count)]
      // What a commit gives was never read, and so is sound.
      let isRead = new.contains { $0.damagedAt <= 0 } || random.below(4) == 0
      return handle(isRead ? .wake : .given(new.map(\.delivery)))
    }
    if let at = restarts.first, at <= now {
      restarts.removeFirst()
      return restart()
    }
    if let at = resumes.first, at <= now {
      resumes.removeFirst()
      return resume()
    }
    if let at = alarm, at <= now {
      alarm = nil
      return handle(.alarm)
    }
    guard let place = agenda.indices.filter({ agenda[$0].at <= now }).min(by: { agenda[$0].at < agenda[$1].at }) else { return }
    let (_, of, event) = agenda.remove(at: place)
    guard of == generation else { return }
    if case .attempted(let sequence, let outcome, _, _) = event { answered(sequence, outcome) }
    if case .committed(let marks) = event { commit(marks) }
    handle(event)
  }

  /// What was not committed is lost, and what was in flight may have arrived.
  private mutating func restart() {
    generation += 1
    (uncommitted, isCommitting, flying, alarm, heldUntil, probeAfter) = ([], false, [:], nil, 0, 0)
    agenda.removeAll()
    for place in rows.indices where !rows[place].isSettled { rows[place].notBefore = rows[place].delivery.nextAt }
    state = SinkWorld.machine(plan)
    handle(.wake)
  }

  /// An order makes what waits due at once, in the store and for the queue.
  private mutating func resume() {
    (heldUntil, probeAfter) = (0, 0)
    for place in rows.indices {
      rows[place].notBefore = nil
      rows[place].delivery.nextAt = min(rows[place].delivery.nextAt, instant.wall)
    }
    handle(.resumed)
  }

  private mutating func handle(_ event: SinkState.Event) {
    let wasUp = state.isUp
    for action in state.handle(event, at: instant) { perform(action) }
    if wasUp, !state.isUp { probeAfter = now + 750 }
    loadedMost = max(loadedMost, state.loaded)
    if state.inFlight != flying.count { faults.append("\(state.inFlight) in flight, and there are \(flying.count)") }
  }

  private mutating func perform(_ action: SinkState.Action) {
    switch action {
    case .read(let sequence, let limit):
      // What is answered is what stood there when it was asked.
      let there = rows[min(Int(sequence), plan.events - arrivals.count)..<(plan.events - arrivals.count)]
      later(Int64(random.below(30)), .backlog(backlog(there.lazy.filter(\.isWaiting).prefix(limit))))
    case .fetch(let sequences):
      later(Int64(random.below(30)), .fetched(backlog(sequences.map { rows[Int($0) - 1] }.filter(\.isWaiting))))
    case .mark(let mark): note(mark)
    case .sleep(let until): alarm = max(now, until - 1_000)
    case .send(let delivery): send(delivery)
    }
  }

  private func backlog(_ found: some Sequence<Row>) -> SinkBacklog {
    SinkBacklog(
      stopped: nil, deliveries: found.filter { $0.damagedAt > now }.map(\.delivery),
      damaged: found.filter { $0.damagedAt <= now }.map { DamagedDelivery(sequence: $0.delivery.sequence, what: "a flipped bit") })
  }

  private mutating func later(_ delay: Int64, _ event: SinkState.Event) { agenda.append((now + delay, generation, event)) }

  // MARK: The account

  private mutating func send(_ delivery: WaitingDelivery) {
    let (sequence, lane) = (delivery.sequence, delivery.alert ?? "")
    if flying.values.contains(lane) { faults.append("\(now): \(sequence) begins while another of \(lane) is in flight") }
    flying[sequence] = lane
    if flying.count > plan.concurrency { faults.append("\(now): \(flying.count) in flight") }
    if let before = unsettled[lane]?.first, before + 1 < sequence { faults.append("\(now): \(sequence) overtakes \(before + 1)") }
    if let due = rows[Int(sequence) - 1].notBefore, instant.wall < due {
      faults.append("\(now): \(sequence) is \(due - instant.wall) ms early")
    }
    if rows[Int(sequence) - 1].damagedAt <= 0 { faults.append("\(now): \(sequence) was never sound, and is sent") }
    if now < heldUntil { faults.append("\(now): \(sequence) begins \(heldUntil - now) ms before the IOC asked for") }
    if !state.isUp {
      if now < probeAfter { faults.append("\(now): a probe \(probeAfter - now) ms early") }
      probeAfter = .max
    }
    sends.append((now, sequence))
    let (latency, outcome) = answer(sequence, delivery)
    later(latency, .attempted(sequence, outcome, jitter: Double(random.below(1000)) / 1000))
  }

  private mutating func answer(_ sequence: Int64, _ delivery: WaitingDelivery) -> (Int64, AttemptOutcome) {
    if plan.outages.contains(where: { $0.contains(now) }) { return (Int64(random.below(20)), .failed("connection refused")) }
    let quick = 1 + Int64(random.below(200))
    if sequence <= plan.poisoned { return (quick, .answered(status: 500, retryAfter: nil, text: "")) }
    guard plan.trouble > 0, random.below(Int64(plan.trouble)) == 0 else {
      return (quick, .answered(status: 204, retryAfter: nil, text: ""))
    }
    switch random.below(8) {
    case 0...2: return (quick, .answered(status: 500, retryAfter: nil, text: ""))
    case 3: return (20_000, .failed("no answer"))
    case 4: return (quick, .answered(status: 422, retryAfter: nil, text: ""))
    case 5: return (quick, .answered(status: 429, retryAfter: .delay(1000 * Int64(1 + random.below(60))), text: ""))
    case 6: return (quick, .answered(status: 503, retryAfter: .delay(5000), text: ""))
    default: return (quick, .failed("reset"))
    }
  }

  private mutating func answered(_ sequence: Int64, _ outcome: AttemptOutcome) {
    flying[sequence] = nil
    if probeAfter == .max { probeAfter = now + 750 }
    if case .answered(let status, .delay(let pause)?, _) = outcome, [429, 503].contains(status) { heldUntil = max(heldUntil, now + pause) }
  }

  private mutating func note(_ mark: DeliveryMark) {
    let place = Int(mark.sequence) - 1
    if case .dead(.damaged, _) = mark.outcome {
      damagedDead.insert(mark.sequence)
      if rows[place].damagedAt > now { faults.append("\(now): \(mark.sequence) is sound") }
    }
    switch mark.outcome {
    case .delivered, .dead:
      if rows[place].isSettled, generation == 0 { faults.append("\(now): \(mark.sequence) is settled twice") }
      rows[place].isSettled = true
      unsettled[rows[place].delivery.alert ?? ""]?.removeAll { $0 == place }
      if mark.outcome == .delivered {
        delivered.insert(mark.sequence)
        lastGood = now
      } else {
        dead.insert(mark.sequence)
      }
    case .retryLater(let nextAt, _): rows[place].notBefore = nextAt
    case .stopped: break
    }
    uncommitted.append(mark)
    if !isCommitting { beginCommit() }
  }

  private mutating func beginCommit() {
    isCommitting = true
    later(Int64(random.below(60)), .committed(uncommitted))
  }

  private mutating func commit(_ marks: [DeliveryMark]) {
    for mark in marks {
      let place = Int(mark.sequence) - 1
      rows[place].delivery.attempts = mark.attempts
      switch mark.outcome {
      case .delivered, .dead:
        if rows[place].isWaiting { left -= 1 }
        rows[place].isWaiting = false
      case .retryLater(let nextAt, _): rows[place].delivery.nextAt = nextAt
      case .stopped: break
      }
    }
    uncommitted.removeFirst(marks.count)
    if uncommitted.isEmpty { isCommitting = false } else { beginCommit() }
  }
}
