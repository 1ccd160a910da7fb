package import Gateway
import HTTPTypes
package import Outbox
package import Readings

/// What `/readyz` says, as a function of what was found.
package struct Readiness {
  /// Nil where the writer did not answer.
  package var status: GatewayStatus?
  /// Nil where the store could not be read.
  package var sinks: [SinkFigures]?
  /// By sink: something that has waited for longer puts it behind.
  package var behindAfter: [String: Milliseconds]
  /// Real time, in which deliveries wait.
  package var now: Timestamp

  package init(status: GatewayStatus?, sinks: [SinkFigures]?, behindAfter: [String: Milliseconds], now: Timestamp) {
    (self.status, self.sinks, self.behindAfter, self.now) = (status, sinks, behindAfter, now)
  }

  /// Each reason in words; empty where the gateway is ready.
  package var problems: [String] {
    let found = status?.problems ?? ["writer_silent: the writer did not answer in \(WriterQuestion.patience)"]
    guard let sinks else { return found + ["store_unreadable: the outbox could not be read"] }
    return found + sinks.compactMap(problem)
  }

  private func problem(of sink: SinkFigures) -> String? {
    switch sink.condition(now: now, behindAfter: behindAfter[sink.sink] ?? .max) {
    case .ok, .unconfigured: nil
    case .stopped: "sink_stopped: \(sink.sink): \(sink.stopped ?? "")"
    case .failing: "sink_failing: \(sink.sink): \(sink.waiting) waiting, \(sink.attemptsOfOldest) attempts failed: \(sink.lastError ?? "")"
    case .behind: "sink_behind: \(sink.sink): \(sink.waiting) waiting, the oldest since \(sink.oldestWaitingSince?.rfc3339 ?? "")"
    }
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
      json.field("configured", sink.isConfigured)
      json.field("waiting", sink.waiting)
      json.field("stopped", sink.stopped)
      json.field("lastError", sink.lastError)
      json.field("oldestWaitingSince", sink.oldestWaitingSince?.rfc3339)
    }
  }
}
