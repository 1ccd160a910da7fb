import Alerting
import Database
import GRDB
import Gateway
import Outbox
import Readings
import Testing
import TestSupport

/// Alerts and events go when their time is over, a few at a time; what is open or waits stays.
@Suite struct RecordPruningTests {
  private static let hour: Int64 = 3_600_000
  private static let rules = """
    rules:
      - {id: slow, when: last(speed) < 10, severity: major}
      - {id: jam, when: last(occupancy) > 80, severity: minor}
    """

  private static func retention() -> RecordRetention {
    var retention = RecordRetention()
    (retention.alerts, retention.delivered) = (50 * hour, 12 * hour)
    return retention
  }

  private struct Delivery: Equatable {
    var sequence: Int64
    var event: String
    var state: DeliveryState
    var at: Int64
  }

  private static func deliveries(_ store: GatewayStore) throws -> [Delivery] {
    try store.file.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT sequence, event, state, max(first_at, recorded_at) AS at FROM delivery JOIN event ON event.id = event ORDER BY sequence
          """
      ).map { Delivery(sequence: $0["sequence"], event: $0["event"], state: DeliveryState(rawValue: $0["state"])!, at: $0["at"]) }
    }
  }

  private static func texts(_ store: GatewayStore, _ sql: String) throws -> [String] {
    try store.file.read { db in try String.fetchAll(db, sql: sql) }
  }

  /// What a naive reading of the retention keeps at that time.
  private static func kept(_ deliveries: [Delivery], last: Int64, now: Int64) -> [Delivery] {
    deliveries.filter { delivery in
      switch delivery.state {
      case .waiting: true
      case .delivered: delivery.sequence == last || delivery.at >= now - retention().delivered
      case .dead: delivery.sequence == last || delivery.at >= now - retention().alerts
      }
    }
  }

  @Test(arguments: 1...6) func `after random histories what is kept is what a naive reading keeps, and everything balances`(_ seed: UInt64)
    throws
  {
    var random = SeededGenerator(seed: seed)
    let gateway = try GatewayWorkshop(rules: Self.rules)
    gateway.store.recordRetention = Self.retention()
    var (now, pruned): (Int64, Int) = (0, 0)
    for _ in 0..<70 {
      now += Int64.random(in: 10 * 60_000...2 * Self.hour, using: &random)
      for device in ["tr-1", "tr-2"] {
        let (speed, occupancy) = (Int.random(in: 0...30, using: &random), Int.random(in: 60...100, using: &random))
        gateway.send(#"{"values":{"speed":\#(speed),"occupancy":\#(occupancy)}}"#, from: device, at: now)
      }
      let at = GatewayWorkshop.time(now)
      let waiting = try Self.deliveries(gateway.store).filter { $0.state == .waiting }
      let marks = waiting.prefix(Int.random(in: 0...4, using: &random)).map { delivery in
        let outcome: DeliveryMark.Outcome = Int.random(in: 0..<3, using: &random) == 0 ? .dead(.rejected, error: "400") : .delivered
        return DeliveryMark(sink: "ioc", sequence: delivery.sequence, attempts: 1, outcome: outcome)
      }
      _ = try gateway.store.commit(gateway.engine, marks: marks, realNow: at)
      let before = try Self.deliveries(gateway.store)
      let alerts = try gateway.alerts()
      try gateway.store.tend(gateway.engine, realNow: at)
      let last = before.map(\.sequence).max() ?? 0
      let after = try Self.deliveries(gateway.store)
      #expect(after == Self.kept(before, last: last, now: at.milliseconds), "seed \(seed), \(now)")
      pruned += before.count - after.count
      let keptAlerts = alerts.filter { ($0.clearedAt ?? at) >= at - Self.retention().alerts }
      #expect(try gateway.alerts().map(\.id) == keptAlerts.map(\.id), "seed \(seed), \(now)")
      if Int.random(in: 0..<20, using: &random) == 0 {
        try gateway.reopen()
        gateway.store.recordRetention = Self.retention()
      }
    }
    #expect(pruned > 50, "seed \(seed): \(pruned)")
    try Self.checkReferences(gateway.store, seed)
    let figures = try #require(try gateway.store.file.read { try OutboxTable.figures(in: $0) }.first)
    let waiting = try Self.deliveries(gateway.store).count { $0.state == .waiting }
    #expect(figures.created == figures.lastSequence && figures.waiting == Int64(waiting), "seed \(seed)")
  }

  /// Nothing is left that refers to what is gone, and nobody is told of what is over.
  private static func checkReferences(_ store: GatewayStore, _ seed: UInt64) throws {
    let orphans = [
      "SELECT id FROM event WHERE id NOT IN (SELECT event FROM delivery)",
      "SELECT event FROM delivery WHERE event NOT IN (SELECT id FROM event)",
      "SELECT alert FROM alert_transition WHERE alert NOT IN (SELECT id FROM alert)",
      "SELECT alert FROM told WHERE alert NOT IN (SELECT id FROM alert WHERE state = 'raised')",
      "SELECT id FROM alert WHERE state = 'raised' AND told AND id NOT IN (SELECT alert FROM told)",
    ]
    for orphan in orphans { #expect(try texts(store, orphan) == [], "seed \(seed): \(orphan)") }
  }

  @Test func `a step takes a bounded number of rows, and the next ones the rest`() throws {
    let gateway = try GatewayWorkshop()
    gateway.send(#"{"values":{"speed":50}}"#, at: 0)
    try gateway.commit()
    let events = (0..<1300).map { number in
      GatewayEvent.gap(
        instance: "test", cause: "swept", from: GatewayWorkshop.time(0), to: GatewayWorkshop.time(Int64(number)), count: nil, detail: nil,
        detectedAt: GatewayWorkshop.time(0))
    }
    try gateway.store.file.commit { db in
      _ = try OutboxTable.enqueue(events, to: [SinkFilter(sink: "ioc")], realNow: GatewayWorkshop.time(0), in: db)
      _ = try OutboxTable.apply(
        (1...1300).map { DeliveryMark(sink: "ioc", sequence: $0, attempts: 1, outcome: .delivered) },
        realNow: GatewayWorkshop.time(0), in: db)
    }
    gateway.store.recordRetention = Self.retention()
    var left: [Int] = []
    for second in 0..<5 {
      gateway.send(#"{"values":{"speed":50}}"#, at: 13 * Self.hour + Int64(second) * 1000)
      _ = try gateway.store.commit(gateway.engine, realNow: GatewayWorkshop.time(0))
      try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(0))
      left.append(try Self.deliveries(gateway.store).count)
    }
    #expect(left == [800, 300, 1, 1, 1], "the newest stays")
  }

  /// Whoever writes has SQLite's one lock for it: a step that writes nothing does not ask for it.
  @Test func `a step that finds nothing to let go of writes nothing, and no sink is noted twice`() throws {
    let gateway = try GatewayWorkshop(rules: Self.rules, sinks: [SinkFilter(sink: "ioc"), SinkFilter(sink: "gone")])
    gateway.send(#"{"values":{"speed":5}}"#, at: 0)
    try gateway.commit()
    try gateway.reopen(sinks: [SinkFilter(sink: "ioc")])
    gateway.store.recordRetention = Self.retention()
    let noted = "SELECT id || coalesce(gone_since > 0, '') FROM sink ORDER BY id"
    let step = { (at: Int64) in
      gateway.send(#"{"values":{"speed":5}}"#, at: at)
      try gateway.commit()
      try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(at))
    }
    try step(1000)
    #expect(try Self.texts(gateway.store, noted) == ["gone1", "ioc"])
    gateway.send(#"{"values":{"speed":5}}"#, at: Self.hour)
    try gateway.commit()
    var open = Configuration()
    open.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: "\(gateway.store.file.directory)/\(StoreFile.name)", configuration: open)
    try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
    try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(Self.hour))
    try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
    // What has come back is noted again.
    try gateway.reopen(sinks: [SinkFilter(sink: "ioc"), SinkFilter(sink: "gone")])
    gateway.store.recordRetention = Self.retention()
    try step(2 * Self.hour)
    #expect(try Self.texts(gateway.store, noted) == ["gone", "ioc"])
  }

  @Test func `a clock that is ahead of every reading, or is doubtful, lets nothing go`() throws {
    let gateway = try GatewayWorkshop(rules: Self.rules)
    gateway.store.recordRetention = Self.retention()
    for minute in 0..<30 {
      gateway.send(#"{"values":{"speed":\#(minute % 2 == 0 ? 5 : 50)}}"#, at: Int64(minute) * 60_000)
      try gateway.commit()
    }
    let sent = try Self.deliveries(gateway.store)
    #expect(sent.count == 30)
    let marks = sent.map { DeliveryMark(sink: "ioc", sequence: $0.sequence, attempts: 1, outcome: .delivered) }
    _ = try gateway.store.commit(gateway.engine, marks: marks, realNow: GatewayWorkshop.time(0))
    gateway.clock(at: 365 * 24 * Self.hour)
    _ = try gateway.store.commit(gateway.engine, realNow: GatewayWorkshop.time(0))
    try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(0))
    #expect(try Self.deliveries(gateway.store).count == 30, "no device has heard of that year")
    // The wall clock stepped: readings of that time prove nothing while it is doubted.
    gateway.command(#"{"clock":"doubtful"}"#, at: 365 * 24 * Self.hour + 1000)
    for device in ["tr-1", "tr-2"] { gateway.send(#"{"values":{"speed":50}}"#, from: device, at: 365 * 24 * Self.hour + 700_000) }
    _ = try gateway.store.commit(gateway.engine, realNow: GatewayWorkshop.time(0))
    try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(0))
    #expect(try Self.deliveries(gateway.store).count == 30)
    gateway.command(#"{"clock":"trusted"}"#, at: 365 * 24 * Self.hour + 1_400_000)
    gateway.send(#"{"values":{"speed":50}}"#, at: 365 * 24 * Self.hour + 1_400_000)
    _ = try gateway.store.commit(gateway.engine, realNow: GatewayWorkshop.time(0))
    try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(0))
    #expect(try Self.deliveries(gateway.store).count == 1)
  }
}
