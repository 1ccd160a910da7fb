package import Logging
package import Readings

/// How the delivery reads the outbox: over a read-only connection, off the writer.
package protocol OutboxReader: Sendable {
  /// See `OutboxTable.waiting`.
  func waiting(sink: String, after sequence: Int64, limit: Int) async throws -> SinkBacklog
  /// The figures of one sink, nil while it never got an event. See `OutboxTable.figures`.
  func figures(sink: String) async throws -> SinkFigures?
}

/// Delivers the outbox to every sink, each with its own queue, connection and pace: none waits for another.
///
/// `run()` sends until its task is cancelled. It writes nothing itself: `mark` hands marks to the one writer and returns after their
/// commit; where it throws, so does `run()`.
package final class SinkDelivery: Sendable {
  private let workers: [SinkWorker]
  private let wakes: [AsyncStream<Void>.Continuation]

  /// `wallClock` is the machine's: signatures and delays use real time. While `isClockTrusted` says no, nothing expires by it.
  /// `seed` is of the random jitter.
  package init(
    sinks: [SinkConfiguration], instance: String, reader: any OutboxReader, seed: UInt64, logger: Logger,
    wallClock: @escaping @Sendable () -> Timestamp, isClockTrusted: @escaping @Sendable () async -> Bool = { true },
    mark: @escaping @Sendable ([DeliveryMark]) async throws -> Void
  ) {
    var wakes: [AsyncStream<Void>.Continuation] = []
    workers = sinks.map { sink in
      let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
      wakes.append(continuation)
      return SinkWorker(
        sink: sink, instance: instance, reader: reader, marks: MarkQueue(commit: mark), wakes: stream, wallClock: wallClock,
        isClockTrusted: isClockTrusted, seed: sink.id.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, logger: logger)
    }
    self.wakes = wakes
  }

  /// Says that new events were committed, or that a sink was resumed. Never blocks; from any thread.
  package func notify() {
    for wake in wakes { wake.yield() }
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
  let instance: String
  let reader: any OutboxReader
  let marks: MarkQueue
  let wakes: AsyncStream<Void>
  let wallClock: @Sendable () -> Timestamp
  let isClockTrusted: @Sendable () async -> Bool
  let seed: UInt64
  let logger: Logger

  /// Events read at once. They are held in memory, at most 64 KiB each.
  static let readMax = 64

  func run() async throws {
    let client = SinkClient(sink: sink, wallClock: wallClock)
    let result: Result<Void, any Error>
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await deliver(client) }
        group.addTask { await beat(client) }
        try await group.next()  // the delivery's end or error ends both: heartbeats have no end of their own
        group.cancelAll()
      }
      result = .success(())
    } catch { result = .failure(error) }
    await client.shutdown()
    try result.get()
  }

  private func deliver(_ client: SinkClient) async throws {
    var state = SinkState(sink: sink.id, retry: sink.retry)
    var random = JitterSource(seed: seed)
    var wake = wakes.makeAsyncIterator()
    var event: SinkState.Event? = .wake
    while let current = event, !Task.isCancelled {
      event = nil
      for action in state.handle(current) {
        switch action {
        case .mark(let mark): try await note(mark)
        case .read(let sequence): event = await read(after: sequence)
        case .send(let delivery):
          event = await attempt(delivery, client, jitter: random.next())
        case .sleep(let until):
          try? await Task.sleep(for: .milliseconds(max(0, until - wallClock())))
          event = .alarm
        case .flush:
          try await marks.flush()
          event = .flushed
        case .rest: event = await wake.next().map { .wake }
        }
      }
    }
    try await marks.flush()
  }

  private func attempt(_ delivery: WaitingDelivery, _ client: SinkClient, jitter: Double) async -> SinkState.Event? {
    guard let outcome = await client.post(id: delivery.event, body: delivery.body, sequence: delivery.sequence) else { return nil }
    if case .answered(200...299, _, _) = outcome { return .attempted(outcome, now: wallClock(), jitter: jitter) }
    let isClockTrusted = await isClockTrusted()
    return .attempted(outcome, now: wallClock(), jitter: jitter, isClockTrusted: isClockTrusted)
  }

  private func note(_ mark: DeliveryMark) async throws {
    let facts: Logger.Metadata = ["sink": "\(mark.sink)", "sequence": "\(mark.sequence)", "attempts": "\(mark.attempts)"]
    switch mark.outcome {
    case .delivered: logger.debug("Event delivered", metadata: facts)
    case .retryLater(let nextAt, let error):
      let level: Logger.Level = mark.attempts == 1 ? .notice : .debug
      logger.log(
        level: level, "Event not delivered, to be tried again",
        metadata: facts.merging(["error": "\(error)", "next": "\(nextAt.rfc3339)"]) { $1 })
    case .dead(let reason, let error):
      logger.warning("Event is dead", metadata: facts.merging(["reason": "\(reason.rawValue)", "error": "\(error)"]) { $1 })
    case .stopped(let reason):
      logger.error("Sink stopped", metadata: facts.merging(["reason": "\(reason)"]) { $1 })
    }
    try await marks.add(mark)
  }

  /// Reads until it succeeds; nil when cancelled.
  private func read(after sequence: Int64) async -> SinkState.Event? {
    while !Task.isCancelled {
      do {
        let backlog = try await reader.waiting(sink: sink.id, after: sequence, limit: SinkWorker.readMax)
        return .backlog(backlog, now: wallClock())
      } catch {
        if Task.isCancelled { break }
        logger.error("The outbox cannot be read", metadata: ["sink": "\(sink.id)", "error": "\(error)"])
        try? await Task.sleep(for: .seconds(1))
      }
    }
    return nil
  }

  /// The heartbeat, which is neither stored nor tried again. A stopped sink gets none.
  private func beat(_ client: SinkClient) async {
    while (try? await Task.sleep(for: .milliseconds(sink.heartbeatEvery))) != nil {
      guard let figures = try? await reader.figures(sink: sink.id) ?? SinkFigures(neverUsed: sink.id), figures.stopped == nil else {
        continue
      }
      let event = GatewayEvent.alive(
        instance: instance, sink: sink.id, lastSequence: figures.lastSequence, waiting: figures.waiting, now: wallClock())
      guard let outcome = await client.post(id: event.id, body: event.body, sequence: nil) else { return }
      if case .answered(200...299, _, _) = outcome { continue }
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
