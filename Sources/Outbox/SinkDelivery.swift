package import Logging
package import Readings

/// How the delivery reads the outbox: over a read-only connection, off the writer.
package protocol OutboxReader: Sendable {
  /// See `OutboxTable.waiting`.
  func waiting(sink: String, after sequence: Int64, limit: Int) async throws -> SinkBacklog
  func waiting(sink: String, sequences: [Int64]) async throws -> SinkBacklog
  /// The figures of one sink, nil while it never got an event. See `OutboxTable.figures`.
  func figures(sink: String) async throws -> SinkFigures?
}

/// Delivers the outbox to every sink, each with its own queue, connections and pace: none waits for another.
///
/// `run()` sends until its task is cancelled. It writes nothing itself: `mark` hands marks to the one writer and returns after their
/// commit; where it throws, so does `run()`.
package final class SinkDelivery: Sendable {
  private let workers: [SinkWorker]

  /// `wallClock` is the machine's: signatures and the times that are kept use real time. While `isClockTrusted` says no, nothing expires
  /// by it. `seed` is of the random jitter.
  package init(
    sinks: [SinkConfiguration], instance: String, reader: any OutboxReader, seed: UInt64, logger: Logger,
    wallClock: @escaping @Sendable () -> Timestamp, isClockTrusted: @escaping @Sendable () async -> Bool = { true },
    mark: @escaping @Sendable ([DeliveryMark]) async throws -> Void
  ) {
    workers = sinks.map { sink in
      let inbox = SinkInbox()
      return SinkWorker(
        sink: sink, secrets: RotatingSecrets(of: sink, logger: logger), instance: instance, reader: reader, inbox: inbox,
        marks: MarkQueue(commit: mark, committed: { inbox.put(.committed($0)) }), wallClock: wallClock, isClockTrusted: isClockTrusted,
        seed: sink.id.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, logger: logger)
    }
  }

  /// Says that new events were committed, or that a sink was resumed or an event sent back to its queue. What is given here need not be
  /// read. Never blocks; from any thread, in the order of commits.
  package func notify(_ given: GivenDeliveries = [:]) {
    for worker in workers { worker.inbox.put(given[worker.sink.id].map { .given($0) } ?? .wake) }
  }

  /// Says that an operator wants a sink to go on, whatever pause it asked for. Never blocks; from any thread.
  package func resume(sink: String) {
    for worker in workers where worker.sink.id == sink { worker.inbox.put(.resumed) }
  }

  /// What is wrong with secret files as they are now, by sink, in a line that names the file and not the secret. Those sinks sign with what
  /// was read before.
  package func secretFaults() -> [String: String] {
    Dictionary(workers.compactMap { worker in worker.secrets.fault().map { (worker.sink.id, $0) } }) { first, _ in first }
  }

  /// Runs once; without sinks it only waits for its end.
  package func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { while (try? await Task.sleep(for: .seconds(3600))) != nil {} }
      for worker in workers { group.addTask { try await worker.run() } }
      try await group.waitForAll()
    }
  }
}

/// The shell around one sink's `SinkState`: performs its actions and brings back what came of them.
struct SinkWorker: Sendable {
  let sink: SinkConfiguration
  let secrets: RotatingSecrets
  let instance: String
  let reader: any OutboxReader
  let inbox: SinkInbox
  let marks: MarkQueue
  let wallClock: @Sendable () -> Timestamp
  let isClockTrusted: @Sendable () async -> Bool
  let seed: UInt64
  let logger: Logger
  private let pause = SinkPause()
  /// An IOC that hears nothing for longer takes the gateway for dead.
  private static let heartbeatPauseMax: Milliseconds = 600_000

  func run() async throws {
    let client = SinkClient(sink: sink, secrets: secrets, wallClock: wallClock)
    let result: Result<Void, any Error>
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await deliver(client) }
        group.addTask { await beat(client) }
        group.addTask { await secrets.watch() }
        try await group.next()  // the delivery's end or error ends all: the others have no end of their own
        group.cancelAll()
      }
      result = .success(())
    } catch { result = .failure(error) }
    await client.shutdown()
    try result.get()
  }

  private func deliver(_ client: SinkClient) async throws {
    try await withThrowingDiscardingTaskGroup { group in
      var state = SinkState(sink: sink.id, retry: sink.retry, concurrency: sink.concurrency, rate: sink.rate)
      var random = JitterSource(seed: seed)
      var sleep: Task<Void, Never>?
      defer { sleep?.cancel() }
      inbox.put(.wake)
      while let events = await inbox.next() {
        for event in events {
          let wasUp = state.isUp
          for action in state.handle(event, at: now) {
            switch action {
            case .mark(let mark): try await note(mark)
            case .sleep(let until):
              sleep?.cancel()
              sleep = Task { await self.sleep(until: until) }
            case .send, .read, .fetch:
              let jitter = random.next()
              // As far as it goes without waiting at once: another thread need not be woken for it.
              group.addImmediateTask { await perform(action, client, jitter: jitter) }
            }
          }
          if state.isUp != wasUp { tell(isUp: state.isUp) }
        }
        pause.set(until: state.pausedUntil(at: now.uptime))
      }
      group.cancelAll()
    }
    try await marks.flush()
  }

  private var now: SinkInstant { SinkInstant(wall: wallClock(), uptime: SinkWorker.uptime) }

  private static let begun = ContinuousClock.now
  private static var uptime: Milliseconds { milliseconds(begun.duration(to: .now)) }
  private static func milliseconds(_ duration: Duration) -> Milliseconds {
    duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
  }

  private func sleep(until: Milliseconds) async {
    try? await Task.sleep(for: .milliseconds(max(0, until - SinkWorker.uptime)))
    if !Task.isCancelled { inbox.put(.alarm) }
  }

  private func perform(_ action: SinkState.Action, _ client: SinkClient, jitter: Double) async {
    switch action {
    case .send(let delivery):
      guard let outcome = await client.post(id: delivery.event, body: delivery.body, sequence: delivery.sequence) else { return }
      var isTrusted = true
      if case .answered(200...299, _, _) = outcome {} else { isTrusted = await isClockTrusted() }
      inbox.put(.attempted(delivery.sequence, outcome, jitter: jitter, isClockTrusted: isTrusted))
    case .read(let sequence, let limit):
      await read { .backlog(try await reader.waiting(sink: sink.id, after: sequence, limit: limit)) }
    case .fetch(let sequences):
      await read { .fetched(try await reader.waiting(sink: sink.id, sequences: sequences)) }
    case .mark, .sleep: preconditionFailure("what changes the worker's own is done by it")
    }
  }

  private func tell(isUp: Bool) {
    if isUp {
      logger.notice("Sink is up again", metadata: ["sink": "\(sink.id)"])
    } else {
      logger.warning("Sink is down: one request at a time until it takes one", metadata: ["sink": "\(sink.id)"])
    }
  }

  private func note(_ mark: DeliveryMark) async throws {
    switch mark.outcome {
    case .delivered: logger.debug("Event delivered", metadata: facts(mark))
    case .retryLater(let nextAt, let error):
      let level: Logger.Level = mark.attempts == 1 ? .notice : .debug
      logger.log(
        level: level, "Event not delivered, to be tried again",
        metadata: facts(mark).merging(["error": "\(error)", "next": "\(nextAt.rfc3339)"]) { $1 })
    case .dead(.damaged, let error):
      logger.warning(
        "Event cannot be read: the writer sets it aside if it cannot either", metadata: facts(mark).merging(["error": "\(error)"]) { $1 })
    case .dead(let reason, let error):
      logger.warning("Event is dead", metadata: facts(mark).merging(["reason": "\(reason.rawValue)", "error": "\(error)"]) { $1 })
    case .stopped(let reason):
      logger.error("Sink stopped", metadata: facts(mark).merging(["reason": "\(reason)"]) { $1 })
    }
    try await marks.add(mark)
  }

  private func facts(_ mark: DeliveryMark) -> Logger.Metadata {
    ["sink": "\(mark.sink)", "sequence": "\(mark.sequence)", "attempts": "\(mark.attempts)"]
  }

  /// Reads until it succeeds, or is cancelled.
  private func read(_ event: () async throws -> SinkState.Event) async {
    while !Task.isCancelled {
      do { return inbox.put(try await event()) } catch {
        if Task.isCancelled { break }
        logger.error("The outbox cannot be read", metadata: ["sink": "\(sink.id)", "error": "\(error)"])
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  /// The heartbeat, which is neither stored nor tried again. A stopped sink gets none, nor one that asked for a pause, until it is over: where
  /// only a heartbeat was answered so, for ten minutes at most.
  private func beat(_ client: SinkClient) async {
    let own = SinkPause()
    while (try? await Task.sleep(for: .milliseconds(sink.heartbeatEvery))) != nil {
      if pause.lasts(at: SinkWorker.uptime) || own.lasts(at: SinkWorker.uptime) { continue }
      guard let figures = try? await reader.figures(sink: sink.id) ?? SinkFigures(neverUsed: sink.id), figures.stopped == nil else {
        continue
      }
      let event = GatewayEvent.alive(
        instance: instance, sink: sink.id, lastSequence: figures.lastSequence, waiting: figures.waiting, now: wallClock())
      guard let outcome = await client.post(id: event.id, body: event.body, sequence: nil) else { return }
      if case .answered(200...299, _, _) = outcome { continue }
      if case .answered(let status, let retryAfter?, _) = outcome, [429, 503].contains(status) {
        own.set(until: SinkWorker.uptime + min(retryAfter.delay(from: wallClock()), Self.heartbeatPauseMax))
      }
      logger.debug("Heartbeat not taken", metadata: ["sink": "\(sink.id)", "outcome": "\(outcome)"])
    }
  }
}

/// SplitMix64: enough for jitter, and the same for the same seed.
struct JitterSource: Sendable {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// In 0..<1.
  mutating func next() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Double((z ^ (z >> 31)) >> 11) / 9_007_199_254_740_992
  }
}
