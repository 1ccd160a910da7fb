import Glibc
package import Readings

/// The machine's clocks. The engine's time runs on the monotonic one from the wall clock at start, so that a step of the wall clock
/// moves nothing; it is noticed, and the clock called doubtful.
package struct LiveClock: Sendable {
  /// The wall clock may drift this far from the monotonic one before it counts as a step.
  static let stepMax: Milliseconds = 60_000

  private let wallAtStart: Milliseconds
  private let monotonicAtStart: Milliseconds

  /// - Parameter last: the clock as the store left it. Where the wall clock is behind it, time goes on from there, and the clock is
  ///   doubtful until the wall clock has caught up: the engine's clock never goes back.
  package init(after last: Timestamp? = nil) {
    wallAtStart = max(Self.milliseconds(CLOCK_REALTIME), last?.milliseconds ?? .min)
    monotonicAtStart = Self.milliseconds(CLOCK_MONOTONIC)
  }

  /// The engine's time.
  package var now: Timestamp { Timestamp(milliseconds: wallAtStart + Self.milliseconds(CLOCK_MONOTONIC) - monotonicAtStart) }

  /// The wall clock was moved by more than a minute since the start.
  package var hasStepped: Bool { abs(Self.wall.milliseconds - now.milliseconds) > Self.stepMax }

  /// The wall clock: for HTTP retries and signatures alone.
  package static var wall: Timestamp { Timestamp(milliseconds: milliseconds(CLOCK_REALTIME)) }

  /// For delays of connections.
  package static var monotonic: Milliseconds { milliseconds(CLOCK_MONOTONIC) }

  static var monotonicNanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  private static func milliseconds(_ clock: clockid_t) -> Milliseconds {
    var time = timespec()
    clock_gettime(clock, &time)
    return Milliseconds(time.tv_sec) * 1000 + Milliseconds(time.tv_nsec) / 1_000_000
  }
}
