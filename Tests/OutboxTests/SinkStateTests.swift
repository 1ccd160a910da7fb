import Outbox
import Readings
import Testing

@Suite struct SinkStateTests {
  let wall = Sample.time
  let retry = RetryPolicy(first: 1_000, most: 300_000, giveUp: 7 * 86_400_000)

  private func at(_ milliseconds: Int64, wall: Timestamp? = nil) -> SinkInstant {
    SinkInstant(wall: wall ?? self.wall + milliseconds, uptime: 50_000 + milliseconds)
  }

  private func delivery(_ sequence: Int64, of alert: String? = nil, firstAt: Timestamp? = nil, nextAt: Timestamp? = nil) -> WaitingDelivery
  {
    WaitingDelivery(
      sequence: sequence, event: "e\(sequence)", alert: alert ?? "a\(sequence)", body: [], attempts: 0, firstAt: firstAt ?? wall,
      nextAt: nextAt ?? wall)
  }

  private func sends(_ actions: [SinkState.Action]) -> [Int64] {
    actions.compactMap { if case .send(let delivery) = $0 { delivery.sequence } else { nil } }
  }

  private func marks(_ actions: [SinkState.Action]) -> [DeliveryMark] {
    actions.compactMap { if case .mark(let mark) = $0 { mark } else { nil } }
  }

  private func sleeps(_ actions: [SinkState.Action]) -> [Int64] {
    actions.compactMap { if case .sleep(let until) = $0 { until - 50_000 } else { nil } }
  }

  /// A sink that was woken and has read these; with what it sends.
  private func reading(
    _ deliveries: [WaitingDelivery], concurrency: Int = 4, at now: SinkInstant? = nil
  ) -> (state: SinkState, actions: [SinkState.Action]) {
    var state = SinkState(sink: "ioc", retry: retry, concurrency: concurrency)
    #expect(state.handle(.wake, at: now ?? at(0)) == [.read(after: 0, limit: 64)])
    let actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: deliveries)), at: now ?? at(0))
    return (state, actions)
  }

  private func answer(_ sequence: Int64, _ status: Int, retryAfter: String? = nil, text: String = "") -> SinkState.Event {
    .attempted(sequence, .answered(status: status, retryAfter: retryAfter.flatMap(RetryAfter.init(header:)), text: text), jitter: 0.5)
  }

  @Test func `an idle sink reads when woken, and rests when nothing waits`() {
    let (state, actions) = reading([])
    #expect(actions == [])
    #expect(state.phase == .idle)
  }

  @Test func `as many alerts as allowed go at once, each in its own order`() {
    var (state, actions) = reading(
      [delivery(1, of: "a"), delivery(2, of: "a"), delivery(3, of: "b"), delivery(4, of: "c")], concurrency: 2)
    #expect(sends(actions) == [1, 3])
    #expect(sends(state.handle(answer(3, 204), at: at(1))) == [4])
    actions = state.handle(answer(1, 200), at: at(2))
    #expect(marks(actions) == [DeliveryMark(sink: "ioc", sequence: 1, attempts: 1, outcome: .delivered)])
    #expect(sends(actions) == [2])
    #expect(state.phase == .sending)
  }

  @Test func `events of no alert are in order among themselves`() {
    let gap = { (sequence: Int64) in
      WaitingDelivery(sequence: sequence, event: "g\(sequence)", body: [], attempts: 0, firstAt: wall, nextAt: wall)
    }
    let (_, actions) = reading([gap(1), gap(2), delivery(3)])
    #expect(sends(actions) == [1, 3])
  }

  @Test(arguments: [400, 413, 415, 422])
  func `an event that the IOC calls wrong is dead, and the next one of its alert goes`(status: Int) {
    var (state, _) = reading([delivery(1, of: "a"), delivery(2, of: "a")])
    let actions = state.handle(answer(1, status, text: "bad"), at: at(5))
    #expect(
      marks(actions) == [DeliveryMark(sink: "ioc", sequence: 1, attempts: 1, outcome: .dead(.rejected, error: "HTTP \(status): bad"))])
    #expect(sends(actions) == [2])
    #expect(state.isUp)
  }

  @Test(arguments: [100, 301, 302, 307, 401, 403, 404, 408, 409, 411, 425, 500, 502, 503, 504, 599])
  func `every other status is tried again, and holds up its own alert only`(status: Int) {
    var (state, _) = reading([delivery(1, of: "a"), delivery(2, of: "a"), delivery(3, of: "b"), delivery(4, of: "c")], concurrency: 1)
    let actions = state.handle(answer(1, status), at: at(10))
    #expect(
      marks(actions) == [
        DeliveryMark(sink: "ioc", sequence: 1, attempts: 1, outcome: .retryLater(nextAt: wall + 1_010, error: "HTTP \(status)"))
      ])
    #expect(sends(actions) == [3])
    #expect(sleeps(actions) == [1_010])
    #expect(state.handle(.alarm, at: at(1_010)).contains(.fetch([1])), "it was not held with its body meanwhile")
    _ = state.handle(.fetched(SinkBacklog(stopped: nil, deliveries: [delivery(1, of: "a")])), at: at(1_011))
    let next = state.handle(answer(3, 204), at: at(1_020))
    #expect(sends(next) == [1])
    guard case .send(let again)? = next.last(where: { if case .send = $0 { true } else { false } }) else { return }
    #expect(again.attempts == 1, "what is stored may not have the attempt yet")
  }

  @Test func `failures of many alerts are the sink's: one probe at growing distances until one is taken`() {
    var (state, actions) = reading((1...20).map { delivery($0) }, concurrency: 3)
    #expect(sends(actions) == [1, 2, 3])
    for sequence in Int64(1)...2 {
      actions = state.handle(.attempted(sequence, .failed("refused"), jitter: 0.5), at: at(10))
      #expect(sends(actions) == [3 + sequence])
    }
    actions = state.handle(.attempted(3, .failed("refused"), jitter: 0.5), at: at(10))
    #expect(sends(actions) == [] && !state.isUp)
    for sequence in Int64(4)...5 { #expect(sends(state.handle(.attempted(sequence, .failed("refused"), jitter: 0.5), at: at(20))) == []) }
    var time: Int64 = 1_010
    for (probe, delay) in zip((Int64(14)...20).reversed(), [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] as [Int64]) {
      #expect(sends(state.handle(.alarm, at: at(time - 1))) == [], "not before its time")
      #expect(sends(state.handle(.alarm, at: at(time))) == [probe], "the newest that has not failed yet")
      #expect(sends(state.handle(.wake, at: at(time))) == [])
      actions = state.handle(.attempted(probe, .failed("refused"), jitter: 0.5), at: at(time))
      let next = DeliveryMark.Outcome.retryLater(nextAt: wall + time + delay, error: "refused")
      #expect(marks(actions) == [DeliveryMark(sink: "ioc", sequence: probe, attempts: 1, outcome: next)])
      time += delay
    }
    #expect(sends(state.handle(.alarm, at: at(time))) == [13])
    actions = state.handle(answer(13, 204), at: at(time + 5))
    #expect(state.isUp)
    #expect(sends(actions) == [6, 7, 8])
  }

  @Test func `two alerts that fail for ever are no sink that is down`() {
    var (state, _) = reading([delivery(1), delivery(2)])
    for attempt in Int64(1)...8 {
      for sequence in Int64(1)...2 { _ = state.handle(answer(sequence, 500), at: at(attempt * 400_000 - 399_999)) }
      #expect(state.isUp)
      _ = state.handle(.alarm, at: at(attempt * 400_000))
      if case .sending = state.phase {} else { Issue.record("they are read again") }
      let actions = state.handle(.fetched(SinkBacklog(stopped: nil, deliveries: [delivery(1), delivery(2)])), at: at(attempt * 400_000))
      #expect(sends(actions) == [1, 2])
    }
  }

  @Test(arguments: [429, 503]) func `F7 Retry-After holds the whole sink, also where a request in flight is taken`(status: Int) {
    var (state, _) = reading((1...8).map { delivery($0) }, concurrency: 2)
    #expect(sends(state.handle(answer(1, status, retryAfter: "120"), at: at(100))) == [])
    #expect(sends(state.handle(answer(2, 204), at: at(200))) == [])
    #expect(sends(state.handle(.alarm, at: at(120_099))) == [])
    #expect(sends(state.handle(.alarm, at: at(120_100))) == [8])
    #expect(sends(state.handle(answer(8, 204), at: at(120_200))) == [3, 4])
  }

  @Test func `Retry-After of another status is of its event, up to a day`() {
    for (header, delay) in [("0", 1_000), ("120", 120_000), ("99999999", 86_400_000), ("soon", 1_000)] as [(String, Int64)] {
      var (state, _) = reading([delivery(1)])
      let actions = state.handle(answer(1, 500, retryAfter: header), at: at(0))
      #expect(marks(actions).first?.outcome == .retryLater(nextAt: wall + delay, error: "HTTP 500"), "\(header)")
    }
  }

  @Test func `Retry-After is of its event also where the sink is down`() {
    var (state, _) = reading((1...3).map { delivery($0) }, concurrency: 3)
    let all = (1...3).flatMap { marks(state.handle(answer($0, 502, retryAfter: "600"), at: at(0))) }
    #expect(!state.isUp)
    #expect(all.map(\.outcome) == Array(repeating: .retryLater(nextAt: wall + 600_000, error: "HTTP 502"), count: 3))
    func isTried(_ actions: [SinkState.Action]) -> Bool {
      actions.contains { if case .read = $0 { false } else if case .sleep = $0 { false } else { true } }
    }
    #expect(!isTried(state.handle(.alarm, at: at(599_999))))
    #expect(isTried(state.handle(.alarm, at: at(600_000))))
  }

  @Test func `the commit of a failure does not bring back what was taken since`() {
    var (state, _) = reading([delivery(1)])
    let failed = marks(state.handle(answer(1, 500), at: at(0)))
    #expect(state.handle(.alarm, at: at(1_000)).first == .fetch([1]))
    #expect(sends(state.handle(.fetched(SinkBacklog(stopped: nil, deliveries: [delivery(1)])), at: at(1_000))) == [1])
    let taken = marks(state.handle(answer(1, 204), at: at(1_001)))
    _ = state.handle(.committed(failed), at: at(1_002))
    #expect(state.handle(.wake, at: at(1_003)) == [.read(after: 0, limit: 64)])
    let actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(1)])), at: at(1_004))
    #expect(sends(actions) == [], "its mark is on its way")
    _ = state.handle(.committed(taken), at: at(1_005))
  }

  @Test func `Retry-After may be an HTTP date`() {
    #expect(RetryAfter(header: "Sun, 06 Nov 1994 08:49:37 GMT") == .at(Timestamp(milliseconds: 784_111_777_000)))
    #expect(RetryAfter(header: "Sun, 31 Feb 1994 08:49:37 GMT") == nil)
    for header in ["-5", "+5", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:x:49:37 GMT"] {
      #expect(RetryAfter(header: header) == nil, "\(header)")
    }
    let date = RetryAfter.at(wall + 90_000)
    #expect(date.delay(from: wall) == 90_000)
    #expect(date.delay(from: wall + 100_000) == 0)
  }

  @Test func `410 stops the sink and keeps the event, until a read after its commit says that it was resumed`() {
    var (state, _) = reading([delivery(1), delivery(2), delivery(3)], concurrency: 2)
    let actions = state.handle(answer(1, 410), at: at(0))
    let stop = DeliveryMark(sink: "ioc", sequence: 1, attempts: 1, outcome: .stopped(reason: "HTTP 410"))
    #expect(actions == [.mark(stop)])
    #expect(marks(state.handle(answer(2, 204), at: at(1))).map(\.outcome) == [.delivered], "what was in flight counts")
    #expect(state.handle(.wake, at: at(2)) == [], "its stop is not committed")
    #expect(state.handle(.committed([stop]), at: at(3)) == [.read(after: 0, limit: 64)])
    #expect(state.handle(.backlog(SinkBacklog(stopped: "HTTP 410", deliveries: [])), at: at(4)) == [])
    #expect(state.phase == .stopped(reason: "HTTP 410"))
    #expect(state.handle(.wake, at: at(5)) == [.read(after: 0, limit: 64)])
    let resumed = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(1), delivery(2), delivery(3)])), at: at(6))
    #expect(sends(resumed) == [1, 3], "the mark of the second is not committed yet")
  }

  @Test func `delays double up to the longest, moved by at most a quarter`() {
    for failures in 1...60 {
      let grown = failures > 9 ? 300_000 : Int64(1_000) << Int64(failures - 1)
      #expect(retry.delay(afterFailures: failures, jitter: 0) == grown * 3 / 4)
      #expect(retry.delay(afterFailures: failures, jitter: 0.5) == grown)
      #expect(retry.delay(afterFailures: failures, jitter: 0.999_999) <= grown * 5 / 4)
    }
  }

  @Test func `after its time an event is dead as expired, where the sink is down with those in hand that are as old`() {
    let old = Timestamp(milliseconds: 0)
    var (state, _) = reading((1...5).map { delivery($0, firstAt: $0 == 5 ? wall : old) }, concurrency: 1)
    let late = old + retry.giveUp
    func fail(_ sequence: Int64) -> [DeliveryMark] {
      marks(state.handle(.attempted(sequence, .failed("no route"), jitter: 0.5), at: at(0, wall: late)))
    }
    let expired = DeliveryMark.Outcome.dead(.expired, error: "no route")
    #expect(fail(1).map(\.outcome) == [expired])
    #expect(fail(2).map(\.outcome) == [expired])
    let rest = fail(3)
    #expect(rest.map(\.sequence) == [3, 4] && rest.allSatisfy { $0.outcome == expired })
    #expect(rest.map(\.attempts) == [1, 0])
    #expect(sends(state.handle(.alarm, at: at(1_000))) == [5])
  }

  @Test func `by a clock that is not trusted nothing expires`() {
    var (state, _) = reading([delivery(1, firstAt: Timestamp(milliseconds: 0))])
    let actions = state.handle(.attempted(1, .failed("no route"), jitter: 0.5, isClockTrusted: false), at: at(0))
    #expect(marks(actions).first?.outcome == .retryLater(nextAt: wall + 1_000, error: "no route"))
  }

  @Test func `what was postponed before a restart is not sent before its time, whatever the wall clock does meanwhile`() {
    var (state, actions) = reading([delivery(5, nextAt: wall + 7_000)])
    #expect(sends(actions) == [] && sleeps(actions) == [7_000])
    #expect(sends(state.handle(.alarm, at: at(6_999))) == [])
    // Somebody set the wall clock back by an hour.
    actions = state.handle(.alarm, at: at(7_000, wall: wall - 3_600_000))
    #expect(actions.contains(.fetch([5])))
    let found = SinkBacklog(stopped: nil, deliveries: [delivery(5, nextAt: wall + 7_000)])
    actions = state.handle(.fetched(found), at: at(7_000, wall: wall - 3_600_000))
    #expect(sends(actions) == [5])
  }

  @Test func `a time that no delay can have set came from a wrong clock and holds nothing`() {
    for (ahead, isSent) in [(86_400_000, false), (86_400_001, true), (365 * 86_400_000, true)] as [(Int64, Bool)] {
      let (_, actions) = reading([delivery(1, nextAt: wall + ahead)])
      #expect(sends(actions) == (isSent ? [1] : []))
    }
  }

  @Test func `an event that is sent back to the queue is found, also while another waits`() {
    var (state, _) = reading([delivery(7), delivery(8)])
    _ = state.handle(answer(8, 204), at: at(0))
    _ = state.handle(.committed([DeliveryMark(sink: "ioc", sequence: 8, attempts: 1, outcome: .delivered)]), at: at(1))
    _ = state.handle(answer(7, 500, retryAfter: "7200"), at: at(2))
    #expect(state.handle(.wake, at: at(3)) == [.read(after: 8, limit: 64)])
    _ = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [])), at: at(4))
    #expect(state.handle(.alarm, at: at(60_004)).first == .read(after: 0, limit: 64))
    let actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(3), delivery(7)])), at: at(60_005))
    #expect(sends(actions) == [3])
  }

  @Test func `what was settled is not sent again by a read that began before its commit`() {
    var (state, _) = reading([delivery(1), delivery(2)], concurrency: 1)
    #expect(state.handle(.wake, at: at(0)) == [.read(after: 2, limit: 64)])
    let done = DeliveryMark(sink: "ioc", sequence: 1, attempts: 1, outcome: .delivered)
    #expect(sends(state.handle(answer(1, 204), at: at(1))) == [2])
    _ = state.handle(.committed([done]), at: at(2))
    #expect(sends(state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(1)])), at: at(3))) == [])
    #expect(sends(state.handle(answer(2, 204), at: at(4))) == [], "the first was not taken in")
  }

  @Test func `what is read damaged is marked once, and never sent; what is behind it goes on`() {
    var state = SinkState(sink: "ioc", retry: retry)
    _ = state.handle(.wake, at: at(0))
    let damaged = [DamagedDelivery(sequence: 2, what: "event e2 is gone")]
    let mark = DeliveryMark(sink: "ioc", sequence: 2, attempts: 0, outcome: .dead(.damaged, error: "event e2 is gone"))
    var actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(1), delivery(3)], damaged: damaged)), at: at(0))
    #expect(sends(actions) == [1, 3] && marks(actions) == [mark])
    #expect(state.handle(.wake, at: at(1)) == [.read(after: 3, limit: 64)])
    actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [], damaged: damaged)), at: at(2))
    #expect(marks(actions) == [], "its mark is on its way")
    _ = state.handle(.committed([mark]), at: at(3))
    _ = state.handle(.wake, at: at(4))
    actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [], damaged: damaged)), at: at(5))
    #expect(marks(actions) == [mark], "the writer could read it, and the read cannot: it is asked again")
  }

  @Test func `a page of nothing but damaged rows leads to the next one`() {
    var state = SinkState(sink: "ioc", retry: retry)
    _ = state.handle(.wake, at: at(0))
    let damaged = (1...64).map { DamagedDelivery(sequence: $0, what: "a flipped bit") }
    let actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [], damaged: damaged)), at: at(0))
    #expect(marks(actions).count == 64)
    #expect(actions.last == .read(after: 64, limit: 64) || actions.last == .read(after: 0, limit: 64))
  }

  @Test func `an operator's order ends a pause that the IOC asked for, and delays with it`() {
    var (state, actions) = reading([delivery(1), delivery(2)], concurrency: 1)
    actions = state.handle(answer(1, 429, retryAfter: "3600"), at: at(10))
    #expect(sends(actions) == [] && !state.isUp)
    let end: Milliseconds = 50_000 + 10 + 3_600_000
    #expect(state.pausedUntil(at: 50_000 + 20) == end && state.pausedUntil(at: end) == nil)
    actions = state.handle(.resumed, at: at(20))
    #expect(state.isUp && state.pausedUntil(at: 50_000 + 20) == nil)
    #expect(actions.contains(.read(after: 0, limit: 64)))
    // The order has made them due in the store.
    #expect(sends(state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(1), delivery(2)])), at: at(21))) == [1])
  }
}
