import Gateway
import Readings

/// A machine's clocks, moved by the simulation. One simulation's own, on one thread.
final class SimulatedMachine: MachineClock, @unchecked Sendable {
  /// Nanoseconds since some moment before the start.
  private(set) var monotonicNanoseconds: Int64 = 5_000_000_000
  let boot = "simulated"
  private var wallAhead: Milliseconds

  init(wall: Timestamp) { wallAhead = wall.milliseconds - 5_000 }

  var wall: Timestamp { Timestamp(milliseconds: monotonic + wallAhead) }

  /// Milliseconds of the simulation, which never stand still between two of its steps.
  var now: Milliseconds { monotonic }

  func advance(to milliseconds: Milliseconds) {
    precondition(milliseconds >= now, "time only runs forward")
    monotonicNanoseconds = milliseconds * 1_000_000
  }

  /// Somebody sets the wall clock.
  func step(by milliseconds: Milliseconds) { wallAhead += milliseconds }
}
