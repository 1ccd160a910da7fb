import Foundation
import Readings

/// Sends a trace or a simulated city to a real broker, each message with its instant, at a multiple of its own speed.
package enum TracePublishing {
  /// Publishes every message of `next` in order; returns how many, once all are acknowledged.
  package static func run(
    to publisher: MQTTPublisher, pace: SimulationPace, next: () throws -> SimulatedMessage?, progress: (Int) -> Void = { _ in }
  ) throws -> Int {
    let clock = ContinuousClock()
    var schedule = PacedSchedule(
      pace: pace, now: { clock.now },
      sleepUntil: { until in
        let wait = clock.now.duration(to: until)
        Thread.sleep(forTimeInterval: Double(wait.components.seconds) + Double(wait.components.attoseconds) * 1e-18)
      })
    var count = 0
    while let message = try next() {
      try schedule.wait(for: message.at)
      try publisher.publish(at: message.at, topic: message.topic, payload: message.payload)
      count += 1
      if count & 255 == 0 { progress(count) }
    }
    try publisher.flush(within: .seconds(30))
    return count
  }
}
