import Alerting
import Database
import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import RuleEngine
import SeriesStore
import TestSupport

/// The simulated town's real engine on a real store in a directory of its own: what it stores and tells, in the words of the model.
final class EngineRun {
  /// The town's files, read once for many runs.
  struct Town {
    let registry: Registry
    let book: RuleBook

    init() throws {
      let directory = try SimulatedTown.directory()
      registry = try withExtendedLifetime(directory) { try RegistryFiles.load(directory: URL(filePath: directory.path)) }
      book = try RuleFiles.read(sources: [("Rules/town.yaml", SimulatedTown.rules)], registry: registry)
    }
  }

  private let directory: TemporaryDirectory
  private let store: GatewayStore
  private let engine: Engine
  /// Every event that was committed, in order.
  private var events: [EventRecord] = []

  init(_ town: Town) throws {
    directory = try TemporaryDirectory()
    store = try GatewayStore(directory: directory.path, durability: .normal, sinks: [SinkFilter(sink: "ioc")])
    engine = try store.openEngine(registry: town.registry, book: town.book, settings: EngineSettings(instance: GatewayModel.instance))
  }

  /// Applies the inputs, with a commit after each `batch` of them and one at the end.
  func apply(_ inputs: [ModelInput], batch: Int = 40) throws {
    for (i, input) in inputs.enumerated() {
      apply(input)
      if (i + 1) % batch == 0 { try commit() }
    }
    try commit()
  }

  private func commit() throws { events += try store.commit(engine, realNow: Timestamp(milliseconds: SimulatedTown.start)) }

  private func apply(_ input: ModelInput) {
    let at = Timestamp(milliseconds: input.at)
    switch input.kind {
    case .message(let topic, let payload, let retain, let packet):
      Array(topic.utf8).withUnsafeBytes { topic in
        payload.withUnsafeBytes { payload in
          engine.message(MessageInput(topic: topic, payload: payload, retain: retain, packet: packet), at: at)
        }
      }
    case .clock: engine.clock(at: at)
    case .intake(let up): engine.intake(up: up, at: at)
    case .command(let json):
      let named = RandomTrace.naming(json, alerts: engine.openAlerts)
      precondition(engine.command(Array(named.utf8), at: at) != .unknown, "a command that the engine knows: \(json)")
    case .connection(let isSessionPresent): engine.connectionBegan(sessionPresent: isSessionPresent)
    }
  }

  // MARK: What became of them

  func outcome() throws -> ModelOutcome {
    ModelOutcome(
      stored: try stored(), counters: counters, transitions: try events.filter { $0.site != nil }.map(transition), alerts: try alerts(),
      clock: engine.clock?.milliseconds, isDoubtful: engine.isDoubtful)
  }

  private func stored() throws -> [ModelReading] {
    var visitor = StoredReadings()
    for series in try store.file.read({ try SeriesTable.all($0) }) { visitor.series[series.id.index] = (series.device, series.metric) }
    _ = try store.file.read { try SeriesLog.read($0, into: &visitor) }
    return visitor.readings
  }

  private struct StoredReadings: LogVisitor {
    var series: [UInt32: (device: String, metric: String)] = [:]
    var readings: [ModelReading] = []

    mutating func reading(_ reading: Reading) {
      let (device, metric) = series[reading.series.index] ?? ("?", "?")
      readings.append(
        ModelReading(
          device: device, metric: metric, ts: reading.ts.milliseconds, value: reading.hasValue ? reading.value : nil,
          status: reading.quality.text, moved: reading.quality.isMoved))
    }
  }

  private var counters: ModelCounters {
    let counters = engine.counters
    return ModelCounters(
      messagesReceived: counters.messagesReceived, messagesAccepted: counters.messagesAccepted,
      messagesRejected: byReason(counters.messagesRejected), readingsReceived: counters.readingsReceived,
      readingsStored: counters.readingsStored, readingsDuplicate: counters.readingsDuplicate,
      readingsRejected: byReason(counters.readingsRejected))
  }

  private func byReason(_ counts: [Int64]) -> [String: Int64] {
    var found: [String: Int64] = [:]
    for reason in RejectReason.allCases where counts[Int(reason.rawValue)] != 0 { found[reason.name] = counts[Int(reason.rawValue)] }
    return found
  }

  private struct NoTransition: Error { var body: String }

  /// The event of an alert, as its receiver reads it.
  private func transition(_ event: EventRecord) throws -> ModelTransition {
    guard let json = try JSONSerialization.jsonObject(with: Data(event.body)) as? [String: Any], let data = json["data"] as? [String: Any],
      let type = json["type"] as? String, let kind = ModelTransition.Kind(rawValue: String(type.split(separator: ".").last ?? "")),
      let rule = (data["rule"] as? [String: Any])?["id"] as? String, let subject = json["subject"] as? String, let t = time(json["time"]),
      let breachedAt = time(data["breachedAt"]), let detectedAt = time(data["detectedAt"]), let severity = data["severity"] as? String,
      let revision = data["revision"] as? Int, let alert = data["alert"] as? String, let id = json["id"] as? String
    else { throw NoTransition(body: String(decoding: event.body, as: UTF8.self)) }
    return ModelTransition(
      kind: kind, rule: rule, subject: subject, t: t, breachedAt: breachedAt, detectedAt: detectedAt, severity: severity,
      revision: revision, alert: alert, event: id)
  }

  private func time(_ text: Any?) -> Int64? { (text as? String).flatMap { Timestamp(rfc3339: $0)?.milliseconds } }

  private func alerts() throws -> [ModelAlert] {
    try store.file.read { try AlertTable.lives($0) }.compactMap { stored in
      switch stored.life.phase {
      case .inactive: nil
      case .pending(let breachedAt, _, _):
        ModelAlert(rule: stored.rule, subject: stored.subject, breachedAt: breachedAt.milliseconds, raisedAt: nil)
      case .raised(let breachedAt, let raisedAt, _):
        ModelAlert(
          rule: stored.rule, subject: stored.subject, breachedAt: breachedAt.milliseconds, raisedAt: raisedAt.milliseconds)
      }
    }
  }
}
