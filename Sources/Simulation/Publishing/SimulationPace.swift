package import Readings

/// How a trace's clock runs against the wall's: N times as fast, or as fast as it can.
package struct SimulationPace: Hashable, Sendable {
  /// Nil for "as fast as it can".
  package var speed: Double?

  /// - Parameter speed: simulated seconds a real second; nil for no waiting at all.
  package init(speed: Double?) { self.speed = speed }

  package static let max = SimulationPace(speed: nil)

  /// Reads `60`, `2.5` or `max`; nil where it is neither.
  package init?(text: String) {
    if text == "max" {
      self = .max
    } else if let speed = Double(text), speed > 0, speed <= 1_000_000 {
      self.init(speed: speed)
    } else {
      return nil
    }
  }

  /// How long after the first input's sending an input is due.
  package func delay(of at: Timestamp, since first: Timestamp) -> Duration {
    guard let speed else { return .zero }
    return .microseconds(Int64(Double(at - first) * 1000 / speed))
  }
}

/// Holds inputs back until they are due. The clock and the sleep are the caller's.
package struct PacedSchedule<Instant: InstantProtocol> where Instant.Duration == Duration {
  private let pace: SimulationPace
  private let now: () -> Instant
  private let sleepUntil: (Instant) throws -> Void
  private var origin: (at: Timestamp, wall: Instant)?

  package init(pace: SimulationPace, now: @escaping () -> Instant, sleepUntil: @escaping (Instant) throws -> Void) {
    (self.pace, self.now, self.sleepUntil) = (pace, now, sleepUntil)
  }

  /// Returns when an input of this instant may be sent; the first may be at once.
  package mutating func wait(for at: Timestamp) throws {
    guard pace.speed != nil else { return }
    guard let origin else {
      origin = (at, now())
      return
    }
    let due = origin.wall.advanced(by: pace.delay(of: at, since: origin.at))
    if now() < due { try sleepUntil(due) }
  }
}
