package import Readings

/// A sink's counters, which go on after a restart, and the state of its queue.
package struct SinkFigures: Sendable, Equatable {
  package var sink: String
  package var created, delivered, dead: Int64
  /// Real time at which an event of it became dead last; nil where none has since this is kept.
  package var newestDeadAt: Timestamp?
  /// Of the newest event created; beyond `created` where the store was once restored.
  package var lastSequence: Int64
  package var stopped: String?
  /// Real time at which the event that waits for longest was committed, or redriven.
  package var oldestWaitingSince: Timestamp?
  /// Of the waiting event with the lowest sequence.
  package var attemptsOfOldest: Int
  /// Of the same.
  package var lastError: String?
  /// False for a sink that the configuration has no longer: what waits for it is sent when it is back, or given up.
  package var isConfigured = true

  /// Of a sink that never got an event.
  package init(neverUsed sink: String) {
    self.init(
      sink: sink, created: 0, delivered: 0, dead: 0, stopped: nil, oldestWaitingSince: nil, attemptsOfOldest: 0, lastError: nil)
  }

  package var waiting: Int64 { created - delivered - dead }

  package init(
    sink: String, created: Int64, lastSequence: Int64? = nil, delivered: Int64, dead: Int64, newestDeadAt: Timestamp? = nil,
    stopped: String?,
    oldestWaitingSince: Timestamp?, attemptsOfOldest: Int, lastError: String?
  ) {
    self.lastSequence = lastSequence ?? created
    (self.sink, self.created, self.delivered, self.dead, self.stopped) = (sink, created, delivered, dead, stopped)
    self.newestDeadAt = newestDeadAt
    (self.oldestWaitingSince, self.attemptsOfOldest, self.lastError) = (oldestWaitingSince, attemptsOfOldest, lastError)
  }
}

/// How a sink stands, the worst first that applies. The raw value is what operators and metrics see.
package enum SinkCondition: String, CaseIterable, Sendable {
  /// It is not in the configuration any longer, and something waits for it.
  case unconfigured
  /// It wants no more events, until an operator resumes it.
  case stopped
  /// It did not take its next event in several attempts.
  case failing
  /// Something has waited for longer than it should.
  case behind
  case ok
}

extension SinkFigures {
  /// A sink that did not take its next event in so many attempts is failing.
  package static let attemptsMax = 3

  /// - Parameters:
  ///   - now: real time.
  ///   - behindAfter: something that has waited for longer puts the sink behind.
  package func condition(now: Timestamp, behindAfter: Milliseconds) -> SinkCondition {
    if !isConfigured { return .unconfigured }
    if stopped != nil { return .stopped }
    if attemptsOfOldest >= Self.attemptsMax { return .failing }
    return age(now: now) > behindAfter ? .behind : .ok
  }

  /// For so long dead letters are news: whoever has not sent them again by then has seen them, and they stay in the list.
  package static let deadNewsFor: Milliseconds = 86_400_000

  /// There are dead letters, and the newest is of the last day.
  ///
  /// - Parameter now: real time; a clock that was wrong by more than a day makes none of them news for longer.
  package func hasDeadNews(now: Timestamp) -> Bool {
    guard dead > 0, let newestDeadAt else { return false }
    return abs(now - newestDeadAt) < Self.deadNewsFor
  }

  /// For how long the oldest of what waits has waited; 0 where nothing does.
  package func age(now: Timestamp) -> Milliseconds { oldestWaitingSince.map { max(0, now - $0) } ?? 0 }
}

extension [SinkFigures] {
  /// Those of the configured sinks, in their order, then of those that are gone from the configuration and for which something waits.
  package func all(configured: [String]) -> [SinkFigures] {
    let gone = filter { $0.waiting > 0 && !configured.contains($0.sink) }.map { figures in
      var figures = figures
      figures.isConfigured = false
      return figures
    }
    return configured.map { id in first { $0.sink == id } ?? SinkFigures(neverUsed: id) } + gone
  }
}
