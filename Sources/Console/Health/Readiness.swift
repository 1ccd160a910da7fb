package import Gateway
import HTTPTypes
package import Outbox
package import Readings

/// What `/readyz` says, as a function of what was found.
package struct Readiness {
  /// A sink whose oldest event has waited longer is a problem.
  package static let waitingMax: Milliseconds = 5 * 60_000

  /// A sink that did not take its oldest event in so many attempts is a problem.
  package static let attemptsMax = 3

  /// Nil where the writer did not answer.
  package var status: GatewayStatus?
  /// Nil where the store could not be read.
  package var sinks: [SinkFigures]?
  /// Real time, in which deliveries wait.
  package var now: Timestamp

  package init(status: GatewayStatus?, sinks: [SinkFigures]?, now: Timestamp) {
    (self.status, self.sinks, self.now) = (status, sinks, now)
  }

  /// Each reason in words; empty where the gateway is ready.
  package var problems: [String] {
    var found = status?.problems ?? ["writer_silent: the writer did not answer in \(WriterQuestion.patience)"]
    guard let sinks else { return found + ["store_unreadable: the outbox could not be read"] }
    for sink in sinks {
      if let reason = sink.stopped {
        found.append("sink_stopped: \(sink.sink): \(reason)")
      } else if sink.attemptsOfOldest >= Self.attemptsMax {
        found.append(
          "sink_failing: \(sink.sink): \(sink.waiting) waiting, \(sink.attemptsOfOldest) attempts failed: \(sink.lastError ?? "")")
      } else if let since = sink.oldestWaitingSince, now - since > Self.waitingMax {
        found.append("sink_behind: \(sink.sink): \(sink.waiting) waiting, the oldest since \(since.rfc3339)")
      }
    }
    return found
  }

  var answer: Answer {
    let problems = problems
    var json = JSONWriter()
    json.object { json in
      json.field("status", problems.isEmpty ? "ready" : "degraded")
      json.field("problems", array: { json in for problem in problems { json.value(problem) } })
      json.field("clock", status?.clock?.rfc3339)
      json.field("intake", status?.intake)
      if let status {
        json.field(
          "store",
          object: { json in
            json.field("bytes", status.storeBytes)
            json.field("max", status.storeBytesMax)
            json.field("readings", status.readings)
            json.field(
              "fastDevices",
              array: { json in
                for device in status.fastDevices {
                  json.object { json in
                    json.field("id", device.id)
                    json.field("times", device.times.rounded(toDecimals: 1))
                  }
                }
              })
          })
      } else {
        json.fieldNull("store")
      }
      json.field("sinks", array: { json in for sink in sinks ?? [] { write(sink, to: &json) } })
    }
    return .json(json, status: problems.isEmpty ? .ok : .serviceUnavailable)
  }

  private func write(_ sink: SinkFigures, to json: inout JSONWriter) {
    json.object { json in
      json.field("id", sink.sink)
      json.field("waiting", sink.waiting)
      json.field("stopped", sink.stopped)
      json.field("lastError", sink.lastError)
      json.field("oldestWaitingSince", sink.oldestWaitingSince?.rfc3339)
    }
  }
}
