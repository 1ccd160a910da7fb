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
  /// What is wrong with secret files, by sink.
  package var secretFaults: [String: String]
  /// By sink: something that has waited for longer puts it behind.
  package var behindAfter: [String: Milliseconds]
  /// Real time, in which deliveries wait.
  package var now: Timestamp

  package init(
    status: GatewayStatus?, sinks: [SinkFigures]?, secretFaults: [String: String] = [:], behindAfter: [String: Milliseconds], now: Timestamp
  ) {
    (self.status, self.sinks, self.secretFaults, self.behindAfter, self.now) = (status, sinks, secretFaults, behindAfter, now)
  }

  /// Each reason in words; empty where the gateway is ready.
  package var problems: [String] {
    var found = status?.problems ?? ["writer_silent: the writer did not answer in \(WriterQuestion.patience)"]
    found += secretFaults.sorted { $0.key < $1.key }.map {
      "secret_unreadable: \($0.key): \($0.value); its events are signed with the secrets that were read before, and a restart would fail"
    }
    guard let sinks else { return found + ["store_unreadable: the outbox could not be read"] }
    return found + sinks.compactMap(problem) + sinks.compactMap(deadLetters)
  }

  /// Of the last day alone: the gateway would be degraded for years by what somebody has seen and left.
  private func deadLetters(of sink: SinkFigures) -> String? {
    guard sink.isConfigured, sink.hasDeadNews(now: now), let newest = sink.newestDeadAt else { return nil }
    return "sink_dead_letters: \(sink.sink): \(sink.dead) events are dead, the newest since \(newest.rfc3339); "
      + "thuong outbox list --state dead --sink \(sink.sink) says why, thuong outbox redrive sends them again"
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
      json.field("dead", sink.dead)
      json.field("stopped", sink.stopped)
      json.field("lastError", sink.lastError)
      json.field("oldestWaitingSince", sink.oldestWaitingSince?.rfc3339)
    }
  }
}
