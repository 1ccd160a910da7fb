package import Readings

/// The intake's connection to the broker, as a value: what happened in, what to do next out. Times are monotonic milliseconds.
package struct MQTTSession: Equatable, Sendable {
  package enum State: Equatable, Sendable {
    /// Not wanted (before the start, after the stop, or while the store is full).
    case stopped
    case waiting(until: Milliseconds)
    case dialling
    /// TCP stands, CONNECT is on its way.
    case connecting
    /// CONNACK came, SUBSCRIBE is on its way.
    case subscribing
    /// Subscribed; what the broker kept for us is being read.
    case catchingUp
    case up
  }

  package enum Event: Sendable {
    case start
    case stop
    case timePassed
    case dialled
    case dialFailed(String)
    case accepted(sessionPresent: Bool)
    case refused(String)
    case subscribed
    case subscriptionRefused(String)
    /// The socket had nothing more to read.
    case drained
    case lost(String)
  }

  package enum Action: Equatable, Sendable {
    case none
    case dial
    case subscribe(sessionPresent: Bool)
    /// The connection is over: forget it, try again at the state's time.
    case drop
    /// Intake is connected and caught up.
    case up
    /// As `drop`, after having been up.
    case down
    case disconnect(wasUp: Bool)
  }

  package private(set) var state = State.stopped
  /// Why the last attempt or connection ended; nil while all is well.
  package private(set) var lastError: String?
  private var failures = 0

  package init() {}

  package var isUp: Bool { state == .up }

  /// - Parameter jitter: 0 ..< 1, from the caller's generator: gateways that lost one broker together do not come back together.
  package mutating func handle(_ event: Event, now: Milliseconds, jitter: Double) -> Action {
    switch (event, state) {
    case (.start, .stopped):
      state = .dialling
      return .dial
    case (.stop, .stopped): return .none
    case (.stop, _):
      defer { state = .stopped }
      return .disconnect(wasUp: state == .up)
    case (.timePassed, .waiting(let until)) where now >= until:
      state = .dialling
      return .dial
    case (.dialled, .dialling):
      state = .connecting
      return .none
    case (.dialFailed(let why), .dialling): return retry(why, now, jitter)
    case (.accepted(let present), .connecting):
      state = .subscribing
      return .subscribe(sessionPresent: present)
    case (.subscribed, .subscribing):
      state = .catchingUp
      return .none
    case (.drained, .catchingUp):
      (state, failures, lastError) = (.up, 0, nil)
      return .up
    case (.refused(let why), .connecting), (.subscriptionRefused(let why), .subscribing): return retry(why, now, jitter)
    case (.lost(let why), .connecting), (.lost(let why), .subscribing), (.lost(let why), .catchingUp): return retry(why, now, jitter)
    case (.lost(let why), .up):
      _ = retry(why, now, jitter)
      return .down
    default: return .none
    }
  }

  /// 0.5 s, doubling to 30 s, each halved at most by the jitter.
  private mutating func retry(_ why: String, _ now: Milliseconds, _ jitter: Double) -> Action {
    let longest: Milliseconds = min(30_000, 500 << Milliseconds(min(failures, 6)))
    failures += 1
    lastError = why
    let spread = Milliseconds(Double(longest / 2) * jitter)
    state = .waiting(until: now + longest / 2 + spread)
    return .drop
  }
}
