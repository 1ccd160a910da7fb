import Alerting
import Gateway
import Outbox
import Readings

/// What `/metrics` says. The names are fixed; so is that they balance:
///
///     messages received = accepted + rejected
///     readings received = stored + duplicate + rejected
///     events created    = delivered + dead + pending, of each sink
struct GatewayMetrics {
  var status: GatewayStatus
  var sinks: [SinkFigures]
  /// See `Readiness`.
  var behindAfter: [String: Milliseconds]
  /// Real time.
  var now: Timestamp
  var alerts: [(state: String, severity: String, count: Int)]

  var text: String {
    var metrics = PrometheusText()
    writeIntake(to: &metrics)
    writeEvents(to: &metrics)
    writeStore(to: &metrics)
    writeAlerts(to: &metrics)
    return metrics.text
  }

  private func writeIntake(to metrics: inout PrometheusText) {
    let counters = status.counters
    metrics.one(.counter, "thuong_messages_received_total", "Messages from the broker.", counters.messagesReceived)
    metrics.one(.counter, "thuong_messages_accepted_total", "Messages that were read.", counters.messagesAccepted)
    rejected("thuong_messages_rejected_total", "Messages that could not be read, by reason.", counters.messagesRejected, &metrics)
    metrics.one(.counter, "thuong_readings_received_total", "Values of accepted messages.", counters.readingsReceived)
    metrics.one(.counter, "thuong_readings_stored_total", "Readings stored.", counters.readingsStored)
    metrics.one(.counter, "thuong_readings_duplicate_total", "Readings that were stored before.", counters.readingsDuplicate)
    rejected("thuong_readings_rejected_total", "Values that did not become a reading, by reason.", counters.readingsRejected, &metrics)
    metrics.family(.counter, "thuong_gaps_total", "Spans in which continuity cannot be proved, by cause.")
    for (cause, count) in counters.gaps.sorted(by: { $0.key < $1.key }) { metrics.sample("thuong_gaps_total", ["cause": cause], count) }
  }

  private func rejected(_ name: String, _ help: String, _ counts: [Int64], _ metrics: inout PrometheusText) {
    metrics.family(.counter, name, help)
    for reason in RejectReason.allCases { metrics.sample(name, ["reason": reason.name], counts[Int(reason.rawValue)]) }
  }

  private func writeEvents(to metrics: inout PrometheusText) {
    let families: [(PrometheusText.Kind, String, String, (SinkFigures) -> Int64)] = [
      (.counter, "thuong_events_created_total", "Events committed for a sink.", { $0.created }),
      (.counter, "thuong_events_delivered_total", "Events that the sink took.", { $0.delivered }),
      (.counter, "thuong_events_dead_total", "Events that no attempt will deliver, less those that were redriven.", { $0.dead }),
      (.gauge, "thuong_events_pending", "Events that wait for the sink.", { $0.waiting }),
      (.gauge, "thuong_events_oldest_seconds", "For how long the oldest of them has waited.", { $0.age(now: now) / 1000 }),
      (.gauge, "thuong_sink_attempts", "Failed attempts at the sink's next event.", { Int64($0.attemptsOfOldest) }),
    ]
    for (kind, name, help, value) in families {
      metrics.family(kind, name, help)
      for sink in sinks { metrics.sample(name, ["sink": sink.sink], value(sink)) }
    }
    metrics.family(.gauge, "thuong_sink_state", "1 for the state that the sink is in.")
    for sink in sinks {
      let condition = sink.condition(now: now, behindAfter: behindAfter[sink.sink] ?? .max)
      for state in SinkCondition.allCases {
        metrics.sample("thuong_sink_state", ["sink": sink.sink, "state": state.rawValue], state == condition ? 1 : 0)
      }
    }
  }

  private func writeStore(to metrics: inout PrometheusText) {
    let commits = status.commits
    metrics.family(.histogram, "thuong_commit_seconds", "Time of a commit, since the start of the process.")
    metrics.histogram(
      "thuong_commit_seconds", bounds: Histogram.bounds.map { Double($0) / 1e9 }, counts: commits.counts,
      sum: Double(commits.sumNanoseconds) / 1e9)
    metrics.one(.gauge, "thuong_store_bytes", "Size of the store on disk.", status.storeBytes)
    metrics.one(.gauge, "thuong_series", "Series of the registered devices.", Int64(status.series))
  }

  /// Every state and severity is there, so that a rule over one that never occurred finds a zero.
  private func writeAlerts(to metrics: inout PrometheusText) {
    metrics.family(.gauge, "thuong_alerts", "Alerts in the store, by state and severity.")
    for state in AlertRecord.State.allCases.map(\.rawValue) {
      for severity in Severity.allCases {
        let count = alerts.first { $0.state == state && $0.severity == severity.name }?.count ?? 0
        metrics.sample("thuong_alerts", ["state": state, "severity": severity.name], Int64(count))
      }
    }
  }
}
