import Outbox
import Readings
import Testing

@Suite struct SinkStateTests {
  let now = Sample.time
  let retry = RetryPolicy(first: 1_000, most: 300_000, giveUp: 7 * 86_400_000)

  @Test func `an idle sink reads when woken and rests when nothing waits`() {
    var state = SinkState(sink: "ioc", retry: retry)
    #expect(state.handle(.wake) == [.read(after: 0)])
    #expect(state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: []), now: now)) == [.flush])
    #expect(state.handle(.flushed) == [.rest])
    #expect(state.phase == .idle)
  }

  @Test func `deliveries go one at a time in order of sequence, and the next read begins after them`() {
    var state = sending([1, 2])
    #expect(state.handle(answer(204)) == [mark(1, .delivered), .send(delivery(2))])
    #expect(state.handle(.wake) == [])
    #expect(state.handle(answer(200)) == [mark(2, .delivered), .read(after: 2)])
    #expect(state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: []), now: now)) == [.flush])
    #expect(state.handle(.flushed) == [.rest])
    #expect(state.handle(.wake) == [.read(after: 0)], "marks are committed: one that was sent back to the queue is seen")
  }

  @Test(arguments: [400, 413, 415, 422])
  func `an event that the IOC calls wrong is dead, and the next one goes`(status: Int) {
    var state = sending([1, 2])
    #expect(state.handle(answer(status, text: "bad")) == [mark(1, .dead(.rejected, error: "HTTP \(status): bad")), .send(delivery(2))])
    #expect(state.failures == 0)
  }

  @Test(arguments: [100, 301, 302, 307, 401, 403, 404, 408, 409, 411, 425, 429, 500, 502, 503, 504, 599])
  func `every other status is tried again, before any later event`(status: Int) {
    var state = sending([1, 2])
    let until = now + 1_000
    #expect(state.handle(answer(status)) == [mark(1, .retryLater(nextAt: until, error: "HTTP \(status)")), .sleep(until: until)])
    #expect(state.phase == .waiting(until: until))
    #expect(state.handle(.wake) == [])
    var again = delivery(1)
    (again.attempts, again.nextAt) = (1, until)
    #expect(state.handle(.alarm) == [.send(again)])
  }

  @Test func `no answer is tried again with its reason`() {
    var state = sending([1])
    let until = now + 1_000
    let actions = state.handle(.attempted(.failed("connection refused"), now: now, jitter: 0.5))
    #expect(actions == [mark(1, .retryLater(nextAt: until, error: "connection refused")), .sleep(until: until)])
  }

  @Test func `410 stops the sink and keeps the event, until it is resumed`() {
    var state = sending([1, 2])
    #expect(state.handle(answer(410)) == [mark(1, .stopped(reason: "HTTP 410")), .flush])
    #expect(state.handle(.flushed) == [.rest])
    #expect(state.handle(.wake) == [.read(after: 0)])
    #expect(state.handle(.backlog(SinkBacklog(stopped: "HTTP 410", deliveries: []), now: now)) == [.flush])
    #expect(state.phase == .stopped(reason: "HTTP 410"))
    #expect(state.handle(.flushed) == [.rest])
    #expect(state.handle(.wake) == [.read(after: 0)])
    #expect(state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [delivery(1)]), now: now)) == [.send(delivery(1))])
  }

  @Test func `Retry-After is obeyed where it is longer, up to a day`() {
    for (header, delay) in [("0", 1_000), ("120", 120_000), ("99999999", 86_400_000), ("soon", 1_000)] as [(String, Int64)] {
      var state = sending([1])
      _ = state.handle(answer(429, retryAfter: RetryAfter(header: header)))
      #expect(state.phase == .waiting(until: now + delay), "\(header)")
    }
  }

  @Test func `Retry-After may be an HTTP date`() {
    #expect(RetryAfter(header: "Sun, 06 Nov 1994 08:49:37 GMT") == .at(Timestamp(milliseconds: 784_111_777_000)))
    #expect(RetryAfter(header: "Sun, 31 Feb 1994 08:49:37 GMT") == nil)
    #expect(RetryAfter(header: "-5") == nil)
    let date = RetryAfter.at(now + 90_000)
    #expect(date.delay(from: now) == 90_000)
    #expect(date.delay(from: now + 100_000) == 0)
  }

  @Test func `delays double up to the longest, moved by at most a quarter`() {
    for failures in 1...60 {
      let grown = failures > 9 ? 300_000 : Int64(1_000) << Int64(failures - 1)
      #expect(retry.delay(afterFailures: failures, jitter: 0) == grown * 3 / 4)
      #expect(retry.delay(afterFailures: failures, jitter: 0.5) == grown)
      #expect(retry.delay(afterFailures: failures, jitter: 0.999_999) <= grown * 5 / 4)
    }
  }

  @Test func `failures in a row lengthen the delay, an answer ends the row`() {
    var state = sending([1, 2])
    var time = now
    for delay in [1_000, 2_000, 4_000] as [Int64] {
      _ = state.handle(.attempted(.answered(status: 503, retryAfter: nil, text: ""), now: time, jitter: 0.5))
      #expect(state.phase == .waiting(until: time + delay))
      time = time + delay
      _ = state.handle(.alarm)
    }
    _ = state.handle(.attempted(.answered(status: 204, retryAfter: nil, text: ""), now: time, jitter: 0.5))
    #expect(state.failures == 0)
  }

  @Test func `after its time an event is dead as expired, with those as old behind it, and the sink still waits`() {
    var state = sending([1, 2, 3], firstAt: [0, 0, 1])
    let late = Timestamp(milliseconds: 0) + retry.giveUp
    let actions = state.handle(.attempted(.failed("no route"), now: late, jitter: 0.5))
    let expired = DeliveryMark.Outcome.dead(.expired, error: "no route")
    #expect(actions == [mark(1, expired), mark(2, expired, attempts: 0), .sleep(until: late + 1_000)])
    guard case .send(let next)? = state.handle(.alarm).first else { Issue.record("no third"); return }
    #expect(next.sequence == 3)
  }

  @Test func `by a clock that is not trusted nothing expires`() {
    var state = sending([1], firstAt: [0])
    let leapt = Timestamp(milliseconds: 0) + 365 * 86_400_000
    let actions = state.handle(.attempted(.failed("no route"), now: leapt, jitter: 0.5, isClockTrusted: false))
    #expect(actions == [mark(1, .retryLater(nextAt: leapt + 1_000, error: "no route")), .sleep(until: leapt + 1_000)])
    #expect(state.handle(.alarm).count == 1)
    let found = state.handle(.attempted(.answered(status: 204, retryAfter: nil, text: ""), now: now, jitter: 0.5))
    #expect(found.first == mark(1, .delivered, attempts: 2))
  }

  @Test func `what was postponed before a restart is not sent before its time`() {
    var state = SinkState(sink: "ioc", retry: retry)
    _ = state.handle(.wake)
    var waiting = delivery(5)
    (waiting.attempts, waiting.nextAt) = (4, now + 7_000)
    #expect(state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [waiting]), now: now)) == [.sleep(until: now + 7_000)])
    #expect(state.handle(.alarm) == [.send(waiting)])
    _ = state.handle(.attempted(.failed("still down"), now: now + 7_000, jitter: 0.5))
    #expect(state.failures == 5, "the row goes on where it was")
  }

  @Test func `a time that no delay can have set came from a wrong clock and holds nothing`() {
    for (ahead, isSent) in [(86_400_000, false), (86_400_001, true), (365 * 86_400_000, true)] as [(Int64, Bool)] {
      var state = SinkState(sink: "ioc", retry: retry)
      _ = state.handle(.wake)
      var waiting = delivery(1)
      waiting.nextAt = now + ahead
      let actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: [waiting]), now: now))
      #expect(actions == [isSent ? .send(waiting) : .sleep(until: waiting.nextAt)])
    }
  }

  private func delivery(_ sequence: Int64, firstAt: Int64? = nil) -> WaitingDelivery {
    WaitingDelivery(
      sequence: sequence, event: "e\(sequence)", body: [], attempts: 0, firstAt: firstAt.map { Timestamp(milliseconds: $0) } ?? now,
      nextAt: now)
  }

  /// A sink that is sending the first of these.
  private func sending(_ sequences: [Int64], firstAt: [Int64]? = nil) -> SinkState {
    var state = SinkState(sink: "ioc", retry: retry)
    _ = state.handle(.wake)
    let deliveries = sequences.indices.map { delivery(sequences[$0], firstAt: firstAt?[$0]) }
    let actions = state.handle(.backlog(SinkBacklog(stopped: nil, deliveries: deliveries), now: now))
    #expect(actions == [.send(deliveries[0])])
    return state
  }

  private func answer(_ status: Int, retryAfter: RetryAfter? = nil, text: String = "") -> SinkState.Event {
    .attempted(.answered(status: status, retryAfter: retryAfter, text: text), now: now, jitter: 0.5)
  }

  private func mark(_ sequence: Int64, _ outcome: DeliveryMark.Outcome, attempts: Int = 1) -> SinkState.Action {
    .mark(DeliveryMark(sink: "ioc", sequence: sequence, attempts: attempts, outcome: outcome))
  }
}
