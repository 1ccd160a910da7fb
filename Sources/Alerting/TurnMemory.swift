package import Readings
package import RuleEngine

/// The last times (T) at which a rule turned on a subject: was raised, or cleared. They outlive its alerts.
package struct TurnMemory: Equatable, Sendable {
  /// The newest last, no more than the rule counts.
  package private(set) var times: [Timestamp]

  package init(times: [Timestamp] = []) { self.times = times }

  /// - Returns: whether it has turned so often in (t − within, t].
  package mutating func turned(at t: Timestamp, _ flapping: AlertPolicy.Flapping) -> Bool {
    times.append(t)
    times.sort()  // a clear may be heard of behind a tick that raised
    if times.count > flapping.turns { times.removeFirst(times.count - flapping.turns) }
    return times.count == flapping.turns && times[0] > t - flapping.within
  }
}
