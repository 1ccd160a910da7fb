package import Readings
package import RuleEngine

/// The life of one rule on one subject, as a value: evaluations in, at most one action out. It reads no clock and does no I/O.
/// What becomes of an alert between its raise and its end is `AlertCourse`'s.
///
/// Hold and clear_hold count in T, the time of the readings; `heardAt` is the engine's clock and only decides when a pending that hears nothing is dropped.
package struct AlertLife: Equatable, Sendable {
  package enum Phase: Equatable, Sendable {
    case inactive
    /// The condition has held since `breachedAt`; last heard true at `trueAt` (T), when the clock said `heardAt`.
    case pending(breachedAt: Timestamp, trueAt: Timestamp, heardAt: Timestamp)
    /// `clearing`: the clear condition holds.
    case raised(breachedAt: Timestamp, raisedAt: Timestamp, clearing: Clearing?)
  }

  /// Since when a clear condition has held, and when it was last heard true; both T.
  package struct Clearing: Equatable, Sendable {
    package var since, trueAt: Timestamp
    package init(since: Timestamp, trueAt: Timestamp) { (self.since, self.trueAt) = (since, trueAt) }
  }

  package enum Event: Sendable {
    /// The rule was evaluated for the readings of `t`, while the clock said `clock`.
    case evaluated(when: Truth, clear: Truth, t: Timestamp, clock: Timestamp)
    /// The clock reached a tick.
    case tick(clock: Timestamp)
  }

  package enum Action: Equatable, Sendable {
    case none
    /// The phase changed, or what it remembers did; nobody is told.
    case changed
    case raise(breachedAt: Timestamp, at: Timestamp)
    case clear(at: Timestamp)
  }

  /// What the rule says about time.
  package struct Timing: Equatable, Sendable {
    package var hold: Milliseconds
    package var clearHold: Milliseconds
    /// A pending that hears nothing true for this long is dropped: max(hold, 3 intervals of the device).
    package var patience: Milliseconds
    /// A clear condition that was not heard true for longer has not held throughout: max(clear_hold, 3 intervals of the device).
    package var clearPatience: Milliseconds

    /// - Parameter interval: how often the rule can be expected to be evaluated.
    package init(hold: Milliseconds, clearHold: Milliseconds, interval: Milliseconds) {
      (self.hold, self.clearHold) = (hold, clearHold)
      (patience, clearPatience) = (max(hold, 3 * interval), max(clearHold, 3 * interval))
    }
  }

  package private(set) var phase: Phase
  /// The T at which the last alert was cleared. The next is breached after it: no two alerts of a rule and subject share their breach,
  /// and so their id.
  package private(set) var endedAt: Timestamp?

  package init(phase: Phase = .inactive, endedAt: Timestamp? = nil) { (self.phase, self.endedAt) = (phase, endedAt) }

  package var isInactive: Bool { phase == .inactive }
  package var isPending: Bool { if case .pending = phase { true } else { false } }
  package var isRaised: Bool { if case .raised = phase { true } else { false } }

  package mutating func handle(_ event: Event, _ timing: Timing) -> Action {
    switch event {
    case .evaluated(let when, let clear, let t, let clock):
      if isSettled(t) { return .none }
      switch phase {
      case .inactive: return whileInactive(when, t, clock, timing)
      case .pending(let breachedAt, let trueAt, _): return whilePending(when, t, clock, timing, breachedAt, trueAt)
      case .raised(let breachedAt, let raisedAt, let clearing):
        return whileRaised(when, clear, t, timing, breachedAt, raisedAt, clearing)
      }
    case .tick(let clock):
      guard case .pending(_, _, let heardAt) = phase, clock - heardAt > timing.patience else { return .none }
      phase = .inactive
      return .changed
    }
  }

  /// The alert is ended from outside at `clock`, or at the latest T that is known of it. A condition that still holds begins anew.
  ///
  /// - Returns: the T of the end.
  package mutating func end(clock: Timestamp) -> Timestamp {
    let end = max(clock, latest)
    (phase, endedAt) = (.inactive, end)
    return end
  }

  /// The rule is another now: what is pending begins anew, and so does what was about to clear. What is raised stays so.
  package mutating func restart() {
    switch phase {
    case .inactive: break
    case .pending: phase = .inactive
    case .raised(let breachedAt, let raisedAt, _): phase = .raised(breachedAt: breachedAt, raisedAt: raisedAt, clearing: nil)
    }
  }

  /// The latest T that is known of it; the beginning of time where none is.
  package var latest: Timestamp {
    switch phase {
    case .inactive: endedAt ?? Timestamp(milliseconds: .min)
    case .pending(_, let trueAt, _): trueAt
    case .raised(_, let raisedAt, let clearing): clearing?.trueAt ?? raisedAt
    }
  }

  /// Whether what is known reaches beyond T already: then T comes late (its metric lags behind another, or behind a tick), and late data
  /// never rewinds an alert.
  package func isSettled(_ t: Timestamp) -> Bool {
    switch phase {
    case .inactive: endedAt.map { t <= $0 } ?? false
    case .pending(_, let trueAt, _): t < trueAt
    case .raised(_, let raisedAt, let clearing): t < clearing?.trueAt ?? raisedAt
    }
  }

  private mutating func whileInactive(_ when: Truth, _ t: Timestamp, _ clock: Timestamp, _ timing: Timing) -> Action {
    guard when == .true else { return .none }
    return hold(from: t, t, clock, timing)
  }

  private mutating func whilePending(
    _ when: Truth, _ t: Timestamp, _ clock: Timestamp, _ timing: Timing, _ breachedAt: Timestamp, _ trueAt: Timestamp
  ) -> Action {
    switch when {
    case .unknown: return .none
    case .false:
      phase = .inactive
      return .changed
    case .true:
      // After too long without hearing it true, the old pending is as good as dropped: this is a new one.
      return hold(from: t - trueAt > timing.patience ? t : breachedAt, t, clock, timing)
    }
  }

  private mutating func hold(from breachedAt: Timestamp, _ t: Timestamp, _ clock: Timestamp, _ timing: Timing) -> Action {
    if t - breachedAt >= timing.hold {
      phase = .raised(breachedAt: breachedAt, raisedAt: t, clearing: nil)
      return .raise(breachedAt: breachedAt, at: t)
    }
    phase = .pending(breachedAt: breachedAt, trueAt: t, heardAt: clock)
    return .changed
  }

  private mutating func whileRaised(
    _ when: Truth, _ clear: Truth, _ t: Timestamp, _ timing: Timing, _ breachedAt: Timestamp, _ raisedAt: Timestamp, _ clearing: Clearing?
  ) -> Action {
    if when == .true || clear == .false {
      guard clearing != nil else { return .none }
      phase = .raised(breachedAt: breachedAt, raisedAt: raisedAt, clearing: nil)
      return .changed
    }
    guard clear == .true else { return .none }
    // As with a pending: after too long without hearing it true, it begins anew.
    let since = clearing.flatMap { t - $0.trueAt > timing.clearPatience ? nil : $0.since } ?? t
    if t - since >= timing.clearHold {
      (phase, endedAt) = (.inactive, t)
      return .clear(at: t)
    }
    let now = Clearing(since: since, trueAt: t)
    guard clearing != now else { return .none }
    phase = .raised(breachedAt: breachedAt, raisedAt: raisedAt, clearing: now)
    return .changed
  }
}
