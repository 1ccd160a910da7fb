import Readings
import Synchronization

/// Until when a sink's IOC wants no requests, as the worker's tasks see it: one sets it, the other asks.
final class SinkPause: Sendable {
  private let until = Atomic<Milliseconds>(.min)

  /// - Parameter uptime: nil: there is none.
  func set(until uptime: Milliseconds?) { until.store(uptime ?? .min, ordering: .relaxed) }
  func lasts(at uptime: Milliseconds) -> Bool { uptime < until.load(ordering: .relaxed) }
}
