import Alerting
import DeviceRegistry
import Gateway
import Outbox
import Readings
import TestSupport
import Testing

/// The same state, rules and inputs give the same events, byte for byte, at any batching, and however often the gateway is killed.
@Suite struct BatchingPropertyTests {
  /// Everything a trace leaves behind.
  private struct Outcome: Equatable {
    var events: [EventRecord] = []
    var stored: [String] = []
    var lives: [StoredLife] = []
    var alerts: [AlertRecord] = []
    var transitions: [TransitionRecord] = []
    var silences: [Silence] = []
    var counters: Counters
    var clock: Timestamp?
    var isDoubtful = false

    /// The first thing in which two outcomes differ, for the failure's text.
    func difference(from other: Outcome) -> String {
      for (a, b) in zip(events, other.events) where a != b {
        return "event\n\(String(decoding: a.body, as: UTF8.self))\nnot\n\(String(decoding: b.body, as: UTF8.self))"
      }
      if events.count != other.events.count { return "\(events.count) events, not \(other.events.count)" }
      for (i, (a, b)) in zip(stored, other.stored).enumerated() where a != b { return "reading \(i) is \(a), not \(b)" }
      if counters != other.counters { return "\(counters)\nnot\n\(other.counters)" }
      for (a, b) in zip(lives, other.lives) where a != b { return "\(a)\nnot\n\(b)" }
      for (a, b) in zip(transitions, other.transitions) where a != b { return "\(a)\nnot\n\(b)" }
      for (a, b) in zip(alerts, other.alerts) where a != b { return "\(a)\nnot\n\(b)" }
      return
        "\(transitions.count), \(silences.count), \(stored.count), \(lives.count), \(alerts.count), \(String(describing: clock)), \(isDoubtful)"
    }
  }

  /// The process ends before the input of that index: after a commit, or without one; then what was not committed comes again.
  private struct Kill {
    var index: Int
    var commitsFirst: Bool
  }

  private let registry: Registry
  init() throws { registry = try GatewayWorkshop.town() }

  private func run(
    _ trace: RandomTrace, batch: Int, kills: [Kill] = [], sealsAfter: Int64? = nil, retention: Milliseconds = 400 * 86_400_000
  ) throws -> Outcome {
    let gateway = try GatewayWorkshop(rules: SimulatedTown.rules, registry: registry, sealsAfter: sealsAfter, retention: retention)
    var kills = kills.sorted { $0.index < $1.index }[...]
    var (index, committed) = (0, 0)
    while index < trace.items.count {
      if let kill = kills.first, kill.index <= index {
        kills.removeFirst()
        if kill.commitsFirst { try gateway.commit() } else { index = committed }
        committed = index
        try gateway.reopen()
        continue
      }
      feed(trace.items[index], gateway)
      index += 1
      if index - committed >= batch {
        try gateway.commit()
        committed = index
      }
      if !gateway.counters.balances {
        Issue.record("the counters do not balance after input \(index)")
        break
      }
    }
    try gateway.commit()
    return Outcome(
      events: gateway.events, stored: try gateway.everythingStored(), lives: try gateway.lives(), alerts: try gateway.alerts(),
      transitions: try gateway.alerts().flatMap { try gateway.transitions(of: $0.id) }, silences: try gateway.silences(),
      counters: gateway.counters,
      clock: gateway.engine.clock, isDoubtful: gateway.engine.isDoubtful)
  }

  private func feed(_ item: RandomTrace.Item, _ gateway: GatewayWorkshop) {
    let at = GatewayWorkshop.time(item.at)
    switch item.input {
    case .message(let topic, let payload, let retain, let packet):
      gateway.send(payload, topic: topic, at: item.at, retain: retain, packet: packet)
    case .clock: gateway.engine.clock(at: at)
    case .intake(let up): gateway.engine.intake(up: up, at: at)
    case .command(let json):
      _ = gateway.engine.command(Array(RandomTrace.naming(json, alerts: gateway.engine.openAlerts).utf8), at: at)
    case .connection(let present): gateway.engine.connectionBegan(sessionPresent: present)
    }
  }

  @Test(arguments: 1...10) func anyBatchingAndAnyKillsGiveTheSame(_ seed: Int) throws {
    let trace = RandomTrace(seed: UInt64(seed), count: 1500, hasPackets: false)
    let one = try run(trace, batch: 1)
    for batch in [7, 4096] {
      let other = try run(trace, batch: batch)
      expectSame(other, one, "seed \(seed), batch \(batch)")
    }
    var random = SeededGenerator(seed: UInt64(seed) &+ 1000)
    for batch in [5, 50] {
      let kills = (0..<25).map { _ in Kill(index: Int.random(in: 0..<1500, using: &random), commitsFirst: Bool.random(using: &random)) }
      let other = try run(trace, batch: batch, kills: kills)
      expectSame(other, one, "seed \(seed), batch \(batch), killed")
    }
    checkLaws(one, "seed \(seed)")
  }

  /// With packet ids: a restart is a lost connection too, so that it is killed where one begins.
  @Test(arguments: 101...106) func soDoMessagesThatComeAgainAfterLostConnections(_ seed: Int) throws {
    let trace = RandomTrace(seed: UInt64(seed), count: 1500, hasPackets: true)
    let one = try run(trace, batch: 1)
    let other = try run(trace, batch: 64)
    expectSame(other, one, "seed \(seed)")
    let kills = trace.items.indices.filter { if case .connection = trace.items[$0].input { true } else { false } }
      .map { Kill(index: $0, commitsFirst: true) }
    #expect(kills.count > 5)
    let killed = try run(trace, batch: 9, kills: kills)
    expectSame(killed, one, "seed \(seed), killed")
    checkLaws(one, "seed \(seed)")
  }

  /// What is sealed, and how often, and what of it has to be brought back, changes nothing that is stored or told.
  @Test(arguments: 201...210) func `So does any sealing`(_ seed: Int) throws {
    let trace = RandomTrace(seed: UInt64(seed), count: 1500, hasPackets: false)
    // Some devices are decades behind, and are believed while the clock is not: for them too there is room.
    let retention: Milliseconds = 100 * 365 * 86_400_000
    let one = try run(trace, batch: 50, retention: retention)
    var random = SeededGenerator(seed: UInt64(seed) &+ 1000)
    for (batch, sealsAfter) in [(1, 0), (7, 3000), (40, 20_000)] as [(Int, Int64)] {
      let sealed = try run(trace, batch: batch, sealsAfter: sealsAfter, retention: retention)
      expectSame(sealed, one, "seed \(seed), batch \(batch), sealed")
      let kills = (0..<25).map { _ in Kill(index: Int.random(in: 0..<1500, using: &random), commitsFirst: Bool.random(using: &random)) }
      let killed = try run(trace, batch: batch, kills: kills, sealsAfter: sealsAfter, retention: retention)
      expectSame(killed, one, "seed \(seed), batch \(batch), sealed, killed")
    }
  }

  private func expectSame(_ outcome: Outcome, _ expected: Outcome, _ place: String) {
    if outcome != expected { Issue.record("\(place): \(outcome.difference(from: expected))") }
  }

  /// What holds of every outcome.
  private func checkLaws(_ outcome: Outcome, _ place: String) {
    let told = outcome.events.filter { $0.site != nil }  // those of alerts: gaps have no site
    #expect(Set(told.map(\.id)).count == told.count, "\(place): no event is raised twice")
    #expect(Set(outcome.alerts.map(\.id)).count == outcome.alerts.count)
    #expect(outcome.stored.count == Int(outcome.counters.readingsStored))
    #expect(
      Set(outcome.stored.map { $0.prefix { $0 != "=" && $0 != " " } }).count == outcome.stored.count,
      "\(place): a ts of a series is stored once")
    let raised = outcome.lives.filter(\.life.isRaised)
    let open = outcome.alerts.filter { $0.state == "raised" }
    #expect(
      raised.count == open.filter { alert in raised.contains { $0.rule == alert.rule && $0.subject == alert.subject } }.count,
      "\(place): what is raised lives")
    #expect(open.count - raised.count <= open.filter(\.course.isFlapping).count, "\(place): what lives no longer flaps")
    checkEvents(outcome, told, place)
    for alert in outcome.alerts {
      #expect(alert.breachedAt <= alert.raisedAt && alert.clearedAt.map { $0 >= alert.raisedAt } ?? true, "\(place): \(alert)")
    }
  }

  /// Who was told that an alert was raised is told all the rest, and nobody is told of the end of what nobody was told of.
  private func checkEvents(_ outcome: Outcome, _ told: [EventRecord], _ place: String) {
    let bodies = told.map { AlertBody($0) }
    let byAlert = Dictionary(grouping: bodies, by: \.alert)
    for alert in outcome.alerts {
      let events = byAlert[alert.id] ?? []
      #expect(events.map(\.revision) == events.indices.map { $0 + 1 } && alert.revision == events.count, "\(place): \(alert.id)")
      #expect(events.first.map { $0.type == "raised" } ?? !alert.course.isTold, "\(place): \(alert.id)")
      let ends = events.filter { $0.type == "cleared" }.count
      #expect(ends == (alert.course.isTold && alert.state == "cleared" ? 1 : 0), "\(place): \(alert.id)")
      #expect(events.last.map { ends == 0 || $0.type == "cleared" } ?? true, "\(place): \(alert.id)")
      let severities = events.map(\.severity)
      #expect(severities == severities.sorted(), "\(place): severity only rises")
      let steps = outcome.transitions.filter { $0.alert == alert.id }
      #expect(steps.map(\.number) == steps.indices.map { $0 + 1 } && steps.first?.kind == .raised, "\(place): \(alert.id)")
    }
    #expect(Set(byAlert.keys).isSubset(of: outcome.alerts.map(\.id)), "\(place)")
  }

  @Test func theTracesHoldWhatTheyAreMeantTo() throws {
    var messages: Set<String> = []
    var readings: Set<String> = []
    var (events, duplicates, pending) = (0, Int64(0), 0)
    var rules: Set<String> = []
    var kinds: Set<AlertTransition> = []
    var types: Set<String> = []
    for seed in 1...4 {
      let outcome = try run(RandomTrace(seed: UInt64(seed), count: 1500, hasPackets: seed % 2 == 0), batch: 100)
      messages.formUnion(outcome.counters.rejectedMessages().keys)
      readings.formUnion(outcome.counters.rejectedReadings().keys)
      rules.formUnion(outcome.alerts.map(\.rule))
      kinds.formUnion(outcome.transitions.map(\.kind))
      types.formUnion(outcome.events.filter { $0.site != nil }.map { AlertBody($0).type })
      events += outcome.events.count
      duplicates += outcome.counters.readingsDuplicate
      pending += outcome.lives.filter(\.life.isPending).count
      #expect(outcome.stored.contains { $0.hasSuffix("moved") })
      #expect(outcome.stored.contains { $0.hasSuffix("range") })
    }
    #expect(messages == ["malformed", "too_large", "unknown_device", "wrong_topic", "retained"])
    #expect(readings == ["malformed", "wrong_topic", "unknown_metric", "not_finite", "conflict", "too_old"])
    #expect(
      rules == ["jam", "slow-now", "silent", "either", "spread", "few", "door", "door-dead", "flips", "slow-long", "crawl"])
    let missing = Set(AlertTransition.allCases).subtracting(kinds)
    #expect(missing == [], "every transition happens")
    #expect(Set(types) == ["raised", "cleared", "escalated", "acknowledged", "flapping", "reminder"])
    #expect(events > 500 && duplicates > 100)
  }
}
