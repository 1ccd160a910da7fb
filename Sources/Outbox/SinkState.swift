package import Readings

/// What an attempt came to, as the shell saw it.
package enum AttemptOutcome: Sendable, Equatable {
  /// The IOC answered. `text` is the beginning of its answer, one line.
  case answered(status: Int, retryAfter: RetryAfter?, text: String)
  /// It did not: no address, no connection, no answer in time. One line says what.
  case failed(String)
}

/// One sink's queue as a value: it decides, the shell (`SinkWorker`) performs.
///
/// One request is in flight at a time, in order of sequence; a delivery that must be tried again holds up the later ones of its
/// sink. Delays grow with failures in a row of the *sink*, so that giving up an event does not start a storm.
package struct SinkState: Sendable {
  package enum Phase: Sendable, Equatable {
    /// Nothing waits; only a wake leads on.
    case idle
    case reading
    case sending
    /// Waits for a real time, then sends the head of the queue, or reads.
    case waiting(until: Timestamp)
    /// The IOC wants no more events. Left when a read after a wake says that the sink was resumed.
    case stopped(reason: String)
  }

  package enum Event: Sendable {
    /// Something new may wait, or the sink was resumed.
    case wake
    case backlog(SinkBacklog, now: Timestamp)
    /// The sleep is over.
    case alarm
    /// `jitter` is a random number in 0..<1. Nothing expires by a clock that is not trusted.
    case attempted(AttemptOutcome, now: Timestamp, jitter: Double, isClockTrusted: Bool = true)
    /// All marks are committed.
    case flushed
  }

  package enum Action: Sendable, Equatable {
    case read(after: Int64)
    case send(WaitingDelivery)
    case mark(DeliveryMark)
    case sleep(until: Timestamp)
    /// Wait until all marks are committed.
    case flush
    /// Wait for a wake.
    case rest
  }

  package private(set) var phase: Phase = .idle
  /// Failures since the last answer that moved the queue on.
  package private(set) var failures = 0
  private let sink: String
  private let retry: RetryPolicy
  private var queue: ArraySlice<WaitingDelivery> = []
  /// Everything up to here was settled by marks that may not be committed yet: reads begin after it.
  private var settled: Int64 = 0

  package init(sink: String, retry: RetryPolicy) { (self.sink, self.retry) = (sink, retry) }

  /// The actions to perform, in their order; the last one leads to the next event.
  package mutating func handle(_ event: Event) -> [Action] {
    switch (event, phase) {
    case (.wake, .idle), (.wake, .stopped):
      return read()
    case (.wake, _):
      return []  // it reads again by itself before it rests
    case (.backlog(let backlog, let now), .reading):
      return receive(backlog, now: now)
    case (.alarm, .waiting):
      return queue.first.map { send($0) } ?? read()
    case (.attempted(let outcome, let now, let jitter, let isClockTrusted), .sending):
      return settle(outcome, now: now, jitter: jitter, isClockTrusted: isClockTrusted)
    case (.flushed, .idle), (.flushed, .stopped):
      settled = 0
      return [.rest]
    case (.backlog, _), (.alarm, _), (.attempted, _), (.flushed, _):
      preconditionFailure("an event that no action in this phase asked for")
    }
  }

  private mutating func read() -> [Action] {
    phase = .reading
    return [.read(after: settled)]
  }

  private mutating func receive(_ backlog: SinkBacklog, now: Timestamp) -> [Action] {
    if let reason = backlog.stopped {
      phase = .stopped(reason: reason)
      return [.flush]
    }
    guard let head = backlog.deliveries.first else {
      phase = .idle
      return [.flush]
    }
    queue = backlog.deliveries[...]
    failures = max(failures, head.attempts)
    return advance(now: now)
  }

  /// Sends the head, or sleeps until its time has come.
  private mutating func advance(now: Timestamp) -> [Action] {
    guard let head = queue.first else { return read() }
    // Further ahead than the longest delay there is, the time was set by a wall clock that was wrong, and means nothing.
    guard head.nextAt > now, head.nextAt - now <= RetryAfter.most else { return send(head) }
    phase = .waiting(until: head.nextAt)
    return [.sleep(until: head.nextAt)]
  }

  private mutating func send(_ head: WaitingDelivery) -> [Action] {
    phase = .sending
    return [.send(head)]
  }

  private mutating func settle(_ outcome: AttemptOutcome, now: Timestamp, jitter: Double, isClockTrusted: Bool) -> [Action] {
    guard var head = queue.first else { preconditionFailure("an attempt is of the head of the queue") }
    head.attempts += 1
    switch outcome {
    case .answered(200...299, _, _):
      return finish(head, .delivered, now: now)
    case .answered(let status, _, let text) where [400, 413, 415, 422].contains(status):
      return finish(head, .dead(.rejected, error: SinkState.line(status, text)), now: now)
    case .answered(410, _, let text):
      let reason = SinkState.line(410, text)
      queue = []
      phase = .stopped(reason: reason)
      return [mark(head, .stopped(reason: reason)), .flush]
    case .answered(let status, let retryAfter, let text):
      let delay = delay(after: retryAfter, now: now, jitter: jitter)
      return postpone(head, error: SinkState.line(status, text), by: delay, now: now, mayExpire: isClockTrusted)
    case .failed(let text):
      return postpone(head, error: text, by: delay(after: nil, now: now, jitter: jitter), now: now, mayExpire: isClockTrusted)
    }
  }

  private mutating func finish(_ head: WaitingDelivery, _ outcome: DeliveryMark.Outcome, now: Timestamp) -> [Action] {
    failures = 0
    settled = head.sequence
    queue = queue.dropFirst()
    return [mark(head, outcome)] + advance(now: now)
  }

  /// Counts a failure; how long to wait after it.
  private mutating func delay(after retryAfter: RetryAfter?, now: Timestamp, jitter: Double) -> Milliseconds {
    failures += 1
    return max(retry.delay(afterFailures: failures, jitter: jitter), retryAfter?.delay(from: now) ?? 0)
  }

  private mutating func postpone(
    _ head: WaitingDelivery, error: String, by delay: Milliseconds, now: Timestamp, mayExpire: Bool
  ) -> [Action] {
    let until = now + delay
    phase = .waiting(until: until)
    queue[queue.startIndex].attempts = head.attempts
    queue[queue.startIndex].nextAt = until
    guard mayExpire, now - head.firstAt >= retry.giveUp else {
      return [mark(head, .retryLater(nextAt: until, error: error)), .sleep(until: until)]
    }
    // Its time is up, and that of those behind it as old as it: the sink's failure is theirs.
    let expired = queue.prefix { now - $0.firstAt >= retry.giveUp }
    queue = queue.dropFirst(expired.count)
    settled = expired.last?.sequence ?? settled
    return expired.map { mark($0, .dead(.expired, error: error)) } + [.sleep(until: until)]
  }

  private func mark(_ head: WaitingDelivery, _ outcome: DeliveryMark.Outcome) -> Action {
    .mark(DeliveryMark(sink: sink, sequence: head.sequence, attempts: head.attempts, outcome: outcome))
  }

  private static func line(_ status: Int, _ text: String) -> String { text.isEmpty ? "HTTP \(status)" : "HTTP \(status): \(text)" }
}
