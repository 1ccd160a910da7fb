import MQTTIntake
import Readings
import Testing

@Suite struct MQTTSessionTests {
  private static let states = ["stopped", "waiting", "dialling", "connecting", "subscribing", "catchingUp", "up"]

  private static let events: [(name: String, event: MQTTSession.Event)] = [
    ("start", .start), ("stop", .stop), ("time", .timePassed), ("dialled", .dialled), ("dialFailed", .dialFailed("x")),
    ("accepted", .accepted(sessionPresent: true)), ("refused", .refused("x")), ("subscribed", .subscribed),
    ("subscriptionRefused", .subscriptionRefused("x")), ("drained", .drained), ("lost", .lost("x")),
  ]

  /// What an event does in the states where it does anything: the action, and the state after it.
  private static let table: [String: (action: MQTTSession.Action, state: String)] = [
    "stopped start": (.dial, "dialling"),
    "waiting stop": (.disconnect(wasUp: false), "stopped"),
    "waiting time": (.dial, "dialling"),
    "dialling stop": (.disconnect(wasUp: false), "stopped"),
    "dialling dialled": (.none, "connecting"),
    "dialling dialFailed": (.drop, "waiting"),
    "connecting stop": (.disconnect(wasUp: false), "stopped"),
    "connecting accepted": (.subscribe(sessionPresent: true), "subscribing"),
    "connecting refused": (.drop, "waiting"),
    "connecting lost": (.drop, "waiting"),
    "subscribing stop": (.disconnect(wasUp: false), "stopped"),
    "subscribing subscribed": (.none, "catchingUp"),
    "subscribing subscriptionRefused": (.drop, "waiting"),
    "subscribing lost": (.drop, "waiting"),
    "catchingUp stop": (.disconnect(wasUp: false), "stopped"),
    "catchingUp drained": (.up, "up"),
    "catchingUp lost": (.drop, "waiting"),
    "up stop": (.disconnect(wasUp: true), "stopped"),
    "up lost": (.down, "waiting"),
  ]

  /// A session brought to the state by the shortest way.
  private func session(in state: String) -> MQTTSession {
    var session = MQTTSession()
    let way: [MQTTSession.Event] = [.start, .dialled, .accepted(sessionPresent: false), .subscribed, .drained]
    if state == "waiting" {
      for event in [.start, .dialFailed("x")] as [MQTTSession.Event] { _ = session.handle(event, now: 0, jitter: 0) }
      return session
    }
    let steps = ["stopped": 0, "dialling": 1, "connecting": 2, "subscribing": 3, "catchingUp": 4, "up": 5][state] ?? 0
    for event in way.prefix(steps) { _ = session.handle(event, now: 0, jitter: 0) }
    return session
  }

  private func name(_ session: MQTTSession) -> String {
    switch session.state {
    case .stopped: "stopped"
    case .waiting: "waiting"
    case .dialling: "dialling"
    case .connecting: "connecting"
    case .subscribing: "subscribing"
    case .catchingUp: "catchingUp"
    case .up: "up"
    }
  }

  @Test(arguments: states) func everyEventDoesInEveryStateWhatTheTableSaysOrNothing(_ state: String) {
    for (event, value) in Self.events {
      var session = session(in: state)
      #expect(name(session) == state)
      let before = session
      let action = session.handle(value, now: 1_000_000, jitter: 0.5)
      if let expected = Self.table["\(state) \(event)"] {
        #expect(action == expected.action && name(session) == expected.state, "\(state) \(event)")
      } else {
        #expect(action == .none && session == before, "\(state) \(event)")
      }
      #expect(session.isUp == (name(session) == "up"))
    }
  }

  @Test func timeThatHasNotComeChangesNothing() {
    var session = session(in: "waiting")
    guard case .waiting(let until) = session.state else { return }
    #expect(session.handle(.timePassed, now: until - 1, jitter: 0) == .none)
    #expect(session.handle(.timePassed, now: until, jitter: 0) == .dial)
  }

  @Test(arguments: [0, 0.25, 0.5, 0.999_999]) func theBackOffDoublesToHalfAMinuteEachHalvedAtMost(_ jitter: Double) {
    var session = MQTTSession()
    _ = session.handle(.start, now: 0, jitter: jitter)
    var now: Milliseconds = 0
    for failure in 0..<100 {
      #expect(session.handle(.dialFailed("no route"), now: now, jitter: jitter) == .drop)
      guard case .waiting(let until) = session.state else {
        Issue.record("it does not wait")
        return
      }
      let longest: Milliseconds = failure < 6 ? 500 << Int64(failure) : 30_000
      #expect(((longest / 2)...longest).contains(until - now), "failure \(failure)")
      #expect(until - now == longest / 2 + Milliseconds(Double(longest / 2) * jitter))
      now = until
      _ = session.handle(.timePassed, now: now, jitter: jitter)
    }
  }

  @Test func aSessionThatWasUpStartsItsBackOffAnew() {
    var session = MQTTSession()
    _ = session.handle(.start, now: 0, jitter: 0)
    for _ in 0..<5 {
      _ = session.handle(.dialFailed("x"), now: 0, jitter: 0)
      _ = session.handle(.timePassed, now: 1_000_000, jitter: 0)
    }
    // Connected, but lost before it was up: that is one failure more.
    for event in [.dialled, .accepted(sessionPresent: true), .subscribed, .lost("early")] as [MQTTSession.Event] {
      _ = session.handle(event, now: 0, jitter: 0)
    }
    #expect(session.state == .waiting(until: 8000))
    #expect(session.lastError == "early")
    _ = session.handle(.timePassed, now: 8000, jitter: 0)
    for event in [.dialled, .accepted(sessionPresent: true), .subscribed, .drained] as [MQTTSession.Event] {
      _ = session.handle(event, now: 8000, jitter: 0)
    }
    #expect(session.isUp && session.lastError == nil)
    _ = session.handle(.lost("late"), now: 8000, jitter: 0)
    #expect(session.state == .waiting(until: 8250))
  }

  @Test(arguments: [true, false]) func whetherTheBrokerKeptTheSessionIsPassedOn(_ present: Bool) {
    var session = session(in: "connecting")
    #expect(session.handle(.accepted(sessionPresent: present), now: 0, jitter: 0) == .subscribe(sessionPresent: present))
  }

  @Test func aStoppedSessionStartsAgain() {
    for state in Self.states {
      var session = session(in: state)
      _ = session.handle(.stop, now: 0, jitter: 0)
      #expect(session.handle(.start, now: 0, jitter: 0) == .dial, "after \(state)")
    }
  }
}
