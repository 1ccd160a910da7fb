import Foundation
import Gateway
import Outbox
import Readings
import SeriesStore
import TestSupport

extension WholeSystem {
  /// Compares what is stored and told with what the ledgers and the model say. The first broken promise becomes the verdict.
  func judge() throws -> Figures {
    var figures = Figures()
    guard verdict == nil, let store = gateway.store, let core = gateway.core else { return figures }
    let truth = try StoredTruth(store: store, cut: gateway.cutInputs)
    let counters = core.engine.counters
    if !counters.balances { fail("the counters do not balance: \(counters)") }
    let committed = judgeAcknowledgements(received: counters.messagesReceived)
    let model = judgeModel(truth, committed)
    judgeReadings(truth, model, counters)
    if let fault = try StoredBuckets.fault(in: store) { fail(fault) }
    let events = ToldEvent.all(truth)
    judgeEvents(truth, model, events)
    judgeDelivery(truth, events)
    judgeGaps(truth, events)
    figures.messages = committed.count
    figures.readings = truth.readings.count
    figures.events = truth.deliveries.values.reduce(0) { $0 + $1.count }
    figures.lives = gateway.lives.count
    figures.losses = broker.fates.count { if case .lost = $0 { true } else { false } }
    figures.milliseconds = simulated
    return figures
  }

  /// A committed message and its packet id.
  struct Committed {
    var message: SimulatedBroker.Message
    var packet: UInt16
    /// The life and connection on which it came.
    var connection: Int
  }

  // MARK: Promise 1

  /// Which messages each life committed: the first so many of those it read. No message is acknowledged that is not among them.
  private func judgeAcknowledgements(received: Int64) -> [Committed] {
    var committed: [Committed] = []
    var stored: Set<Int> = []
    var connection = 0
    for (place, life) in gateway.lives.enumerated() {
      let after = place + 1 < gateway.lives.count ? gateway.lives[place + 1].receivedBefore : received
      let count = Int(after - life.receivedBefore)
      var read: [Committed] = []
      for stream in life.streams {
        connection += 1
        read += stream.publishesRead.map { Committed(message: $0.message, packet: $0.packet, connection: connection) }
      }
      if count > read.count { fail("life \(place) committed \(count) messages of the \(read.count) that it read") }
      committed += read.prefix(count)
    }
    for item in committed { stored.insert(item.message.number) }
    for (number, fate) in broker.fates.enumerated() {
      switch fate {
      case .acknowledged: if !stored.contains(number) { fail("message \(number) was acknowledged and never committed") }
      case .kept: fail("message \(number) is still with the broker at the end")
      case .lost, .unwanted: break
      }
    }
    return committed
  }

  // MARK: Promise 2

  /// Feeds the model with what was committed, at the instants that the log has kept.
  private func judgeModel(_ truth: StoredTruth, _ committed: [Committed]) -> ModelOutcome {
    var model = GatewayModel(deviations: [.holdsSpanTimesThatWereFalse], rawRetention: GatewayModel.longRetention)
    var next = 0
    for input in truth.inputs {
      // What the model has no kind for moves its clock.
      model.apply(ModelInput(at: input.at, kind: .clock))
      switch input.kind {
      case .clock: continue
      case .intakeUp: model.apply(ModelInput(at: input.at, kind: .intake(up: true)))
      case .intakeDown: model.apply(ModelInput(at: input.at, kind: .intake(up: false)))
      case .command: if let kind = Self.kind(input.command ?? "") { model.apply(ModelInput(at: input.at, kind: kind)) }
      case .message:
        guard next < committed.count else {
          fail("the log holds more messages than were committed")
          return model.outcome
        }
        let (message, packet) = (committed[next].message, committed[next].packet)
        let topic = String(decoding: message.topic, as: UTF8.self)
        let kind = ModelInput.Kind.message(topic: topic, payload: message.payload, retain: message.retain, packet: packet)
        model.apply(ModelInput(at: input.at, kind: kind))
        next += 1
      }
    }
    if next != committed.count { fail("the log holds \(next) messages, \(committed.count) were committed") }
    return model.outcome
  }

  private static func kind(_ json: String) -> ModelInput.Kind? {
    switch json {
    case #"{"session":"kept"}"#: .connection(sessionPresent: true)
    case #"{"session":"new"}"#: .connection(sessionPresent: false)
    case _ where ["clock", "ack", "close", "silence", "unsilence"].contains { json.hasPrefix("{\"\($0)\"") }: .command(json)
    default: nil
    }
  }

  private func judgeReadings(_ truth: StoredTruth, _ model: ModelOutcome, _ counters: Counters) {
    let stored = model.stored.sorted { ($0.device, $0.metric, $0.ts) < ($1.device, $1.metric, $1.ts) }
    for i in 0..<max(truth.readings.count, stored.count) {
      let (found, expected) = (i < truth.readings.count ? truth.readings[i] : nil, i < stored.count ? stored[i] : nil)
      guard found != expected else { continue }
      return fail("reading \(i) is \(found.map { "\($0)" } ?? "missing")\nexpected \(expected.map { "\($0)" } ?? "none")")
    }
    let found = (
      counters.messagesReceived, counters.messagesAccepted, counters.readingsReceived, counters.readingsStored, counters.readingsDuplicate
    )
    let expected = (
      model.counters.messagesReceived, model.counters.messagesAccepted, model.counters.readingsReceived, model.counters.readingsStored,
      model.counters.readingsDuplicate
    )
    if found != expected { fail("the counters are \(found), expected \(expected)") }
  }

  // MARK: Promises 1 and 5: events

  private func judgeEvents(_ truth: StoredTruth, _ model: ModelOutcome, _ events: [String: ToldEvent]) {
    let told = (truth.deliveries["province"] ?? []).compactMap { Told($0.event, events[$0.event]) }
    for i in 0..<max(told.count, model.transitions.count) {
      let found = i < told.count ? told[i] : nil
      let expected = i < model.transitions.count ? Told(model.transitions[i]) : nil
      if found != expected {
        return fail("event \(i) is \(found.map { "\($0)" } ?? "missing")\nexpected \(expected.map { "\($0)" } ?? "none")")
      }
    }
    let part = Self.part(of: model.transitions) { $0.subject.hasPrefix("s/") && $0.severity != "info" }
    let got = (truth.deliveries["town"] ?? []).compactMap { Told($0.event, events[$0.event]) }.map(\.event)
    if part != got { fail("sink town has \(got.count) alert events, expected \(part.count)") }
  }

  /// What a sink with a filter gets, in the same order: of an alert everything from the first event on that passes, and that one as raised.
  private static func part(of transitions: [ModelTransition], where passes: (ModelTransition) -> Bool) -> [String] {
    var told: Set<String> = []
    return transitions.compactMap { step in
      if told.contains(step.alert) { return step.event }
      guard step.kind != .cleared, passes(step) else { return nil }
      told.insert(step.alert)
      return step.kind == .raised ? step.event : ModelIdentity.id(step.alert, "raised", String(step.revision))
    }
  }

  private func judgeDelivery(_ truth: StoredTruth, _ events: [String: ToldEvent]) {
    for (sink, ioc) in zip(gateway.town.sinks, iocs) {
      let all = truth.deliveries[sink.sink] ?? []
      if all.map(\.sequence) != all.indices.map({ Int64($0 + 1) }) { return fail("sink \(sink.sink): its sequence has a gap") }
      var first: [Int64: Int] = [:]
      for (place, taken) in ioc.taken.enumerated() {
        guard Int(taken.sequence) <= all.count, all[Int(taken.sequence) - 1].event == taken.event,
          all[Int(taken.sequence) - 1].body == taken.body
        else { return fail("sink \(sink.sink) took event \(taken.event) as number \(taken.sequence), which is not what was recorded") }
        if first[taken.sequence] == nil { first[taken.sequence] = place }
      }
      for delivery in all where first[delivery.sequence] == nil && !ioc.refused.contains(delivery.sequence) {
        return fail("sink \(sink.sink) never got number \(delivery.sequence), whose state is \(delivery.state)")
      }
      // What it refused once it may take later, when the refusal was lost with a process.
      for (alert, ofOne) in Dictionary(grouping: all, by: { events[$0.event]?.data.alert ?? "" }) {
        let order = ofOne.compactMap { ioc.refused.contains($0.sequence) ? nil : first[$0.sequence] }
        if order != order.sorted() { fail("sink \(sink.sink) got events of alert \(alert) out of order") }
      }
      if let left = all.first(where: { $0.state == 0 }) { fail("sink \(sink.sink): number \(left.sequence) still waits") }
    }
  }

  // MARK: Promise 4

  /// Whatever the broker lost lies within a gap that was told.
  private func judgeGaps(_ truth: StoredTruth, _ events: [String: ToldEvent]) {
    let gaps = (truth.deliveries["province"] ?? []).compactMap { ToldGap(events[$0.event]) }
    for (number, fate) in broker.fates.enumerated() {
      guard case .lost(let at) = fate else { continue }
      let loss = engineTime(of: at)
      let isTold = gaps.contains { $0.from <= loss.upperBound && loss.lowerBound <= $0.to }
      if !isTold { return fail("message \(number), lost by the broker at \(at), \(loss) of the engine, lies in no gap: \(gaps)") }
    }
  }

  /// An instant of the machine's monotonic clock, as the engine has it. Between two processes the machine's clock may have been set, while
  /// the engine's stands where the one left it: the instant is then as early as the one and as late as the other has it.
  private func engineTime(of at: Milliseconds) -> ClosedRange<Milliseconds> {
    let lives = gateway.lives
    let before = lives.last { $0.began <= at } ?? lives[0]
    let after = at <= before.ended ? before : lives.first { $0.began > at } ?? before
    let instants = [at + before.clockAhead, at + after.clockAhead]
    return instants.min()!...instants.max()!
  }
}

/// An event's body, read once however many sinks it went to.
private struct ToldEvent: Decodable {
  struct Body: Decodable {
    struct Rule: Decodable { var id: String }
    var alert, severity, breachedAt, detectedAt, cause, from, to: String?
    var revision: Int?
    var rule: Rule?
  }

  var type: String
  var subject, time: String?
  var data: Body

  /// By the event's id. What cannot be read is missing.
  static func all(_ truth: StoredTruth) -> [String: ToldEvent] {
    let decoder = JSONDecoder()
    var events: [String: ToldEvent] = [:]
    for delivery in truth.deliveries.values.joined() where events[delivery.event] == nil {
      events[delivery.event] = try? decoder.decode(ToldEvent.self, from: Data(delivery.body))
    }
    return events
  }

  static func instant(_ text: String?) -> Int64 { text.flatMap { Timestamp(rfc3339: $0) }?.milliseconds ?? -1 }
}

/// An alert event, as far as the model knows of it.
private struct Told: Equatable {
  var event, alert, kind, rule, subject, severity: String
  var time, breachedAt, detectedAt: Int64
  var revision: Int

  init(_ model: ModelTransition) {
    (event, alert, kind, rule, subject) = (model.event, model.alert, model.kind.rawValue, model.rule, model.subject)
    (severity, time, breachedAt, detectedAt, revision) = (model.severity, model.t, model.breachedAt, model.detectedAt, model.revision)
  }

  /// nil for what is no alert event.
  init?(_ id: String, _ told: ToldEvent?) {
    guard let told, told.type.hasPrefix("vn.thuong.alert."), let rule = told.data.rule else { return nil }
    (event, kind, self.rule) = (id, String(told.type.dropFirst("vn.thuong.alert.".count)), rule.id)
    (alert, subject, severity) = (told.data.alert ?? "", told.subject ?? "", told.data.severity ?? "")
    time = ToldEvent.instant(told.time)
    breachedAt = ToldEvent.instant(told.data.breachedAt)
    detectedAt = ToldEvent.instant(told.data.detectedAt)
    revision = told.data.revision ?? -1
  }
}

private struct ToldGap {
  var cause: String
  var from, to: Int64

  init?(_ told: ToldEvent?) {
    guard let told, told.type == "vn.thuong.gateway.gap" else { return nil }
    (cause, from, to) = (told.data.cause ?? "", ToldEvent.instant(told.data.from), ToldEvent.instant(told.data.to))
  }
}
