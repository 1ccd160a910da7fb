package import Readings
package import RuleEngine

/// The course of one open alert, as a value: what happens to it in, at most one action out. It reads no clock and does no I/O.
///
/// `AlertLife` says when the condition raises and clears; this says what is made of it: severity, acknowledgement, flapping, reminders,
/// staleness, and whether anybody is told. What it is remembered by is Codable: it is stored with the alert.
package struct AlertCourse: Equatable, Codable, Sendable {
  /// How long inhibiting rules are waited for before anybody is told.
  package static let inhibitorWait: Milliseconds = 30_000
  /// Late data has ended when none has come for so long.
  package static let lateWait: Milliseconds = 60_000
  /// Whoever sends late all the time, by a clock that is slow, is waited for so long and then told of.
  package static let lateWaitMax: Milliseconds = 900_000

  package enum Event: Sendable {
    /// The condition of a step of the escalation was evaluated at T.
    case step(Int, Truth, t: Timestamp, clock: Timestamp)
    /// The rule was evaluated at a T that is late, or in time, and left the alert raised.
    case evaluated(isLate: Bool, clock: Timestamp)
    /// The condition cleared or raised again while it flaps.
    case turned(clock: Timestamp)
    /// It has turned as often as makes it flap.
    case flaps(clock: Timestamp)
    case acknowledged(Acknowledgement)
    /// What may hold the news back, as it stands now.
    case considered(isInhibited: Bool, isSilenced: Bool, clock: Timestamp)
    case device(isSilent: Bool)
    /// `until`: the clock is on its way to that instant, and every tick before it comes at once.
    case tick(clock: Timestamp, until: Timestamp, AlertLife)
  }

  package enum Action: Equatable, Sendable {
    case none
    /// What it remembers changed; nothing is kept of that, and nobody told.
    case changed
    case escalated
    case acknowledged
    case flapping
    /// It flaps no longer: cleared where its condition is, else raised as ever.
    case settled(isCleared: Bool)
    case reminder
    case stale, fresh
    /// Nobody is told, for that reason now.
    case held(AlertHold)
    case told
    /// Late data has ended: whether it is told is to be considered.
    case lateEnded
  }

  /// What the rule says.
  package struct Terms: Sendable {
    package var policy: AlertPolicy
    package var interval: Milliseconds
    package init(policy: AlertPolicy, interval: Milliseconds) { (self.policy, self.interval) = (policy, interval) }

    /// What an inhibiting rule has held back waits for so long when that is over: a device has three intervals to be heard again.
    package var releaseWait: Milliseconds { max(AlertCourse.inhibitorWait, 3 * interval) }
  }

  /// Since when the condition of a step has held (T), when it was heard true last (T and the clock).
  struct Step: Equatable, Codable, Sendable {
    var breachedAt, trueAt, heardAt: Timestamp
  }

  package private(set) var severity: Severity
  package private(set) var acknowledged: Acknowledgement?
  /// By step of the escalation; nil while its condition does not hold.
  private(set) var steps: [Step?]
  /// While it flaps: when it was last heard to turn, by the clock.
  private(set) var turnedAt: Timestamp?
  package private(set) var isStale = false
  /// Somebody was told of it: then everything of it is told.
  package private(set) var isTold = false
  /// Why nobody was.
  package private(set) var hold: AlertHold?
  /// While it waits for the end of late data: when such was last heard.
  private(set) var lateHeardAt: Timestamp?
  /// And when the wait began.
  private var lateSince: Timestamp?
  /// Rules that inhibit it are waited for until then.
  package private(set) var waitsUntil: Timestamp?
  /// The next reminder is due a reminder's time after this.
  private(set) var remindedAt: Timestamp?
  /// Transitions so far, all and by kind.
  package private(set) var transitions = 0
  private(set) var counts: [String: Int] = [:]
  /// See `numbersBegin`; nil is 0.
  private var base: Int?

  package init(severity: Severity, steps: Int = 0) {
    self.severity = severity
    self.steps = Array(repeating: nil, count: steps)
  }

  /// Of an alert from before its course was kept: told when it was raised.
  init(toldAt: Timestamp, severity: Severity, transitions: Int) {
    self.init(severity: severity)
    (isTold, remindedAt, self.transitions) = (true, toldAt, transitions)
  }

  /// Raised now.
  package init(severity: Severity, isLate: Bool, clock: Timestamp, _ terms: Terms) {
    self.init(severity: severity, steps: terms.policy.escalations.count)
    if isLate { (lateHeardAt, lateSince) = (clock, clock) }
    if !terms.policy.inhibitions.isEmpty { waitsUntil = clock + Self.inhibitorWait }
  }

  package var isFlapping: Bool { turnedAt != nil }
  package var isAwaitingLateData: Bool { lateHeardAt != nil }

  /// What the numbers of its events begin after: 0, but for an alert of which more may have been told than this store knows, since it was
  /// restored from a backup.
  package var numbersBegin: Int { base ?? 0 }

  /// Its events' numbers go on beyond `number`, where they are not there yet.
  mutating func leap(beyond number: Int) {
    if number > numbersBegin { base = number }
  }

  /// Counts a transition. Returns its number among all of the alert, from 1, and among those of its kind, from `numbersBegin` + 1.
  package mutating func count(_ transition: AlertTransition) -> (number: Int, nth: Int) {
    transitions += 1
    counts[transition.rawValue, default: 0] += 1
    return (transitions, numbersBegin + (counts[transition.rawValue] ?? 1))
  }

  package mutating func handle(_ event: Event, _ terms: Terms) -> Action {
    switch event {
    case .step(let step, let truth, let t, let clock): return heard(step, truth, t, clock, terms)
    case .evaluated(let isLate, let clock):
      guard let heard = lateHeardAt else { return .none }
      if isLate, clock - (lateSince ?? heard) < Self.lateWaitMax {
        (lateHeardAt, lateSince) = (clock, lateSince ?? heard)
        return .changed
      }
      (lateHeardAt, lateSince) = (nil, nil)
      return .lateEnded
    case .turned(let clock):
      turnedAt = clock
      return .changed
    case .flaps(let clock):
      turnedAt = clock
      return .flapping
    case .acknowledged(let acknowledgement):
      acknowledged = acknowledgement
      return .acknowledged
    case .considered(let isInhibited, let isSilenced, let clock):
      return consider(isInhibited: isInhibited, isSilenced: isSilenced, clock, terms)
    case .device(let isSilent):
      guard isSilent != isStale else { return .none }
      isStale = isSilent
      return isSilent ? .stale : .fresh
    case .tick(let clock, let until, let life): return tick(clock, until, life, terms)
    }
  }

  // MARK: Escalation

  /// Hold and unknown count as they do for the rule's own condition. A step that would not raise the severity is passed over.
  private mutating func heard(_ step: Int, _ truth: Truth, _ t: Timestamp, _ clock: Timestamp, _ terms: Terms) -> Action {
    guard step < steps.count, step < terms.policy.escalations.count else { return .none }
    let escalation = terms.policy.escalations[step]
    guard escalation.severity > severity else { return .none }
    if let known = steps[step], t < known.trueAt { return .none }  // late data never rewinds
    switch truth {
    case .unknown: return .none
    case .false:
      guard steps[step] != nil else { return .none }
      steps[step] = nil
      return .changed
    case .true: break
    }
    var since = t
    if let known = steps[step], t - known.trueAt <= patience(of: escalation, terms) { since = known.breachedAt }
    steps[step] = Step(breachedAt: since, trueAt: t, heardAt: clock)
    guard t - since >= escalation.hold else { return .changed }
    (severity, steps[step], acknowledged, remindedAt) = (escalation.severity, nil, nil, clock)
    return .escalated
  }

  private func patience(of escalation: AlertPolicy.Escalation, _ terms: Terms) -> Milliseconds {
    max(escalation.hold, 3 * terms.interval)
  }

  // MARK: Who is told

  private mutating func consider(isInhibited: Bool, isSilenced: Bool, _ clock: Timestamp, _ terms: Terms) -> Action {
    if isTold { return .none }
    if hold == .inhibited, !isInhibited { waitsUntil = max(waitsUntil ?? clock, clock + terms.releaseWait) }
    let isWaiting = waitsUntil.map { clock < $0 } ?? false
    let found: AlertHold? =
      lateHeardAt != nil ? .late : isInhibited ? .inhibited : isSilenced ? .silenced : isWaiting ? .waiting : nil
    guard let found else {
      (isTold, hold, waitsUntil, remindedAt) = (true, nil, nil, clock)
      return .told
    }
    guard found != hold else { return .none }
    hold = found
    return .held(found)
  }

  // MARK: Ticks

  private mutating func tick(_ clock: Timestamp, _ until: Timestamp, _ life: AlertLife, _ terms: Terms) -> Action {
    var action = Action.none
    for (step, escalation) in zip(steps.indices, terms.policy.escalations) {
      guard let known = steps[step], clock - known.heardAt > patience(of: escalation, terms) else { continue }
      (steps[step], action) = (nil, .changed)
    }
    if let heard = lateHeardAt, clock - heard >= Self.lateWait || clock - (lateSince ?? heard) >= Self.lateWaitMax {
      (lateHeardAt, lateSince) = (nil, nil)
      return .lateEnded
    }
    if let turnedAt {
      // What is pending is about to turn, or not: that is waited for.
      guard !life.isPending, clock - turnedAt >= terms.policy.flapping?.within ?? 0 else { return action }
      (self.turnedAt, remindedAt) = (nil, isTold ? clock : nil)
      return .settled(isCleared: !life.isRaised)
    }
    if let remind = terms.policy.remind, isTold, acknowledged == nil, let last = remindedAt, clock - last >= remind {
      let due = last + (clock - last) / remind * remind
      remindedAt = due
      // Of those that are due at once, after a time without a clock, the last is enough.
      return (due + remind - 1).nextMinute > until ? .reminder : .changed
    }
    return action
  }

  /// The rule is another now: what was counted of its steps is of no use.
  package mutating func restart(steps count: Int) { steps = Array(repeating: nil, count: count) }
}
