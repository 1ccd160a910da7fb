import Database
package import DeviceRegistry
import MQTTIntake
package import Readings
import RuleEngine

/// What the gateway says of itself: `/readyz` and `/metrics` are made of it.
package struct GatewayStatus: Sendable {
  package var clock: Timestamp?
  package var isClockDoubtful: Bool
  /// `up`, or what the intake is doing instead.
  package var intake: String
  package var intakeError: String?
  package var isStoreFull: Bool
  package var isDiskFull: Bool
  /// There is less room than there has to be.
  package var isDiskLow: Bool
  /// A reader of the store that keeps intake paused, in words; nil where none does.
  package var stuckReader: String?
  package var storeBytes: Int64
  package var storeBytesMax: Int64
  /// Devices that report far more often than their profiles say, and how many times as often; the fastest first, 20 at most.
  package var fastDevices: [(id: String, times: Double)]
  package var series: Int
  package var devices: Int
  package var rules: Int
  /// Readings held in memory.
  package var readings: Int
  package var counters: Counters
  package var commits: Histogram
  /// Why devices and rules are still those from before the last reload.
  package var reloadFaults: [FileFault] = []

  /// Why the gateway is not ready, each reason in words; empty where it is.
  package var problems: [String] {
    var found: [String] = []
    if isStoreFull { found.append("store_full: max_size is reached; intake is stopped, the broker keeps what comes") }
    if isDiskFull { found.append("disk_full: nothing is acknowledged until there is space") }
    if isDiskLow, !isDiskFull { found.append("disk_full: intake is paused until there is space, the broker keeps what comes") }
    if let stuckReader { found.append(stuckReader) }
    if intake != "up" && !isStoreFull && !isDiskLow && stuckReader == nil {
      found.append("intake_\(intake)\(intakeError.map { ": \($0)" } ?? "")")
    }
    if isClockDoubtful { found.append("clock_doubtful: half of the devices or the wall clock disagree; nothing is rejected for its time") }
    if let first = reloadFaults.first {
      let rest = reloadFaults.count == 1 ? "" : " (and \(reloadFaults.count - 1) more)"
      found.append("rules_reload_failed: \(first)\(rest)")
    }
    return found
  }
}

extension WriterCore {
  var status: GatewayStatus {
    GatewayStatus(
      clock: engine.clock, isClockDoubtful: engine.isDoubtful, intake: Self.name(session.state), intakeError: session.lastError,
      isStoreFull: isStoreFull, isDiskFull: isDiskFull, isDiskLow: isDiskLow, stuckReader: health.problem, storeBytes: store.file.bytes,
      storeBytesMax: configuration.sizeMax,
      fastDevices: store.fastDevices.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(20).map {
        (engine.registry.devices[$0.key].id, $0.value)
      },
      series: engine.seriesOf.reduce(0) { $0 + $1.count }, devices: engine.registry.devices.count, rules: engine.book.rules.count,
      readings: engine.headReadings, counters: engine.counters, commits: commits, reloadFaults: reloadFaults)
  }

  private static func name(_ state: MQTTSession.State) -> String {
    switch state {
    case .stopped: "stopped"
    case .waiting: "waiting"
    case .dialling, .connecting, .subscribing: "connecting"
    case .catchingUp: "catching_up"
    case .up: "up"
    }
  }
}
