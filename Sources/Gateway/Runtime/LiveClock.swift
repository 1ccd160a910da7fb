import Foundation
import Glibc
package import Readings

/// The clocks of a machine, as the writer reads them. A simulation has clocks of its own.
package protocol MachineClock: Sendable {
  /// What the time is said to be; it may be set at any moment.
  var wall: Timestamp { get }
  /// Nanoseconds that only ever rise.
  var monotonicNanoseconds: Int64 { get }
  /// Which monotonic clock that is: it begins anew with each start of the machine.
  var boot: String { get }
}

extension MachineClock {
  /// For delays of connections.
  package var monotonic: Milliseconds { monotonicNanoseconds / 1_000_000 }
}

/// This machine's.
package struct SystemClock: MachineClock {
  package init() {}
  package var wall: Timestamp {
    let (seconds, nanoseconds) = Self.read(CLOCK_REALTIME)
    return Timestamp(milliseconds: seconds * 1000 + nanoseconds / 1_000_000)
  }
  package var monotonicNanoseconds: Int64 {
    let (seconds, nanoseconds) = Self.read(CLOCK_MONOTONIC)
    return seconds * 1_000_000_000 + nanoseconds
  }

  package var boot: String { Self.bootID }

  private static let bootID =
    (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""

  private static func read(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
    var time = timespec()
    clock_gettime(clock, &time)
    return (Int64(time.tv_sec), Int64(time.tv_nsec))
  }
}

/// The engine's time while it is live: it runs on the monotonic clock from the wall clock at start, so that a step of the wall clock
/// moves nothing; it is noticed, and the clock called doubtful.
package struct LiveClock: Sendable {
  /// The wall clock may drift this far from the monotonic one before it counts as a step.
  static let stepMax: Milliseconds = 60_000

  private let machine: any MachineClock
  private let wallAtStart: Milliseconds
  private let monotonicAtStart: Milliseconds

  /// - Parameter last: the clock as the store left it. Where the wall clock is behind it, time goes on from there, and the clock is
  ///   doubtful until the wall clock has caught up: the engine's clock never goes back.
  package init(_ machine: any MachineClock = SystemClock(), after last: Timestamp? = nil) {
    self.machine = machine
    wallAtStart = max(machine.wall.milliseconds, last?.milliseconds ?? .min)
    monotonicAtStart = machine.monotonic
  }

  package var now: Timestamp { Timestamp(milliseconds: wallAtStart + machine.monotonic - monotonicAtStart) }

  /// The wall clock was moved by more than a minute since the start.
  package var hasStepped: Bool { abs(machine.wall.milliseconds - now.milliseconds) > Self.stepMax }

  /// The wall clock: for HTTP retries and signatures alone.
  package static var wall: Timestamp { SystemClock().wall }
}
