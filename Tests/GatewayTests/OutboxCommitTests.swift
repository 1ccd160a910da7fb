import Alerting
import Database
import GRDB
import Gateway
import Outbox
import Readings
import Testing

/// What a commit does with losses, and an order of an operator in a commit of its own.
@Suite struct OutboxCommitTests {
  private static let rules = "rules: [{id: slow, when: last(speed) < 10, severity: major}]"

  /// A gateway that has told of `count` transitions of one device.
  private static func told(_ count: Int) throws -> GatewayWorkshop {
    let gateway = try GatewayWorkshop(rules: rules)
    for number in 0..<count {
      gateway.send(#"{"values":{"speed":\#(number % 2 == 0 ? 5 : 50)}}"#, at: Int64(number) * 60_000)
      try gateway.commit()
    }
    return gateway
  }

  private static func figures(_ gateway: GatewayWorkshop) throws -> SinkFigures {
    try #require(try gateway.store.file.read { try OutboxTable.figures(in: $0) }.first)
  }

  @Test func `a sink that an alert grows grave enough for hears of it as raised, and then all the rest`() throws {
    let rules = "rules: [{id: slow, when: last(speed) < 10, severity: minor, escalate: [{severity: critical, when: last(speed) < 3}]}]"
    let sinks = [SinkFilter(sink: "grave", leastSeverity: .major), SinkFilter(sink: "ioc")]
    let gateway = try GatewayWorkshop(rules: rules, sinks: sinks)
    gateway.send(#"{"values":{"speed":5}}"#, at: 0)
    try gateway.commit()
    gateway.send(#"{"values":{"speed":2}}"#, at: 60_000)
    try gateway.commit()
    try gateway.reopen()  // who was told is stored
    gateway.command(#"{"ack":"\#(try gateway.alerts()[0].id)","by":"Lan"}"#, at: 70_000)
    gateway.send(#"{"values":{"speed":50}}"#, at: 120_000)
    try gateway.commit()
    let told = try ["grave", "ioc"].map { sink in
      try gateway.store.file.read { try OutboxTable.given(to: sink, after: 0, limit: 9, in: $0) }.map { delivery in
        AlertBody(
          EventRecord(id: delivery.event, recordedAt: delivery.recordedAt, site: nil, domain: nil, severity: nil, body: delivery.body)
        ).text
      }
    }
    #expect(
      told[1] == [
        "slow raised@0 minor r1", "slow escalated@60000 critical r2", "slow acknowledged@70000 critical r3",
        "slow cleared@120000 critical r4",
      ])
    #expect(told[0] == ["slow raised@0 critical r2"] + told[1].dropFirst(2))
    #expect(gateway.alertEvents == told[1], "what one unfiltered sink gets is what it was")
  }

  @Test func `what expires is counted and told in the commit of its marks, and both are there after a kill`() throws {
    let gateway = try Self.told(6)
    let marks = (1...4).map { DeliveryMark(sink: "ioc", sequence: $0, attempts: 9, outcome: .dead(.expired, error: "HTTP 503")) }
    _ = try gateway.store.commit(gateway.engine, marks: marks, realNow: GatewayWorkshop.time(500_000))
    #expect(gateway.store.takeGiven() != nil, "the delivery is told of the gap event")
    #expect(gateway.counters.gaps == ["expired": 1])
    try gateway.reopen()
    #expect(gateway.counters.gaps == ["expired": 1])
    let figures = try Self.figures(gateway)
    #expect((figures.created, figures.dead, figures.waiting) == (7, 4, 3))
    let last = try gateway.store.file.read { try OutboxTable.waiting(sink: "ioc", after: 6, limit: 9, in: $0) }.deliveries
    #expect(String(decoding: try #require(last.first).body, as: UTF8.self).contains(#""cause":"expired","#))
  }

  @Test func `more than may wait makes the oldest dead, in the transaction of the newest`() throws {
    let gateway = try Self.told(4)
    gateway.store.waitingMax = 5
    for number in 4..<12 {
      gateway.send(#"{"values":{"speed":\#(number % 2 == 0 ? 5 : 50)}}"#, at: Int64(number) * 60_000)
      try gateway.commit()
      #expect(try Self.figures(gateway).waiting <= 5)
    }
    #expect(gateway.counters.gaps["expired"] ?? 0 >= 1)
    let dead = try gateway.store.file.read { try OutboxTable.page(sink: nil, states: [.dead], after: nil, limit: 99, in: $0) }
    #expect(dead.map(\.sequence).sorted() == (1...Int64(dead.count)).map { $0 }, "the oldest")
    #expect(dead.allSatisfy { $0.lastError == "expired: more than 5 waited" })
  }

  @Test func `an order is committed when it is answered, and is there after a kill`() throws {
    let gateway = try Self.told(4)
    let marks = [DeliveryMark(sink: "ioc", sequence: 2, attempts: 1, outcome: .dead(.rejected, error: "HTTP 400"))]
    _ = try gateway.store.commit(gateway.engine, marks: marks, realNow: GatewayWorkshop.time(0))
    let dead = try gateway.store.file.read { try OutboxTable.page(sink: "ioc", states: [.dead], after: nil, limit: 9, in: $0) }
    let id = try #require(dead.first?.event)
    #expect(try gateway.store.obey(.redrive(event: id, sink: nil), realNow: GatewayWorkshop.time(0)) == .redriven(count: 1, next: nil))
    try gateway.reopen()
    let waiting = try gateway.store.file.read { try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: $0) }.deliveries
    #expect(waiting.map(\.sequence) == [1, 2, 3, 4])
    #expect(waiting[1].event == id)
  }

  private static func waiting(_ gateway: GatewayWorkshop, _ sink: String) throws -> [String] {
    try gateway.store.file.read { try OutboxTable.waiting(sink: sink, after: 0, limit: 99, in: $0) }.deliveries.map { delivery in
      AlertBody(
        EventRecord(id: delivery.event, recordedAt: delivery.firstAt, site: nil, domain: nil, severity: nil, body: delivery.body)
      ).text
    }
  }

  @Test func `a sink that is out of the configuration when an alert ends hears of its end when it is back`() throws {
    let (old, new) = (SinkFilter(sink: "old"), SinkFilter(sink: "new"))
    let gateway = try GatewayWorkshop(rules: Self.rules, sinks: [old])
    gateway.send(#"{"values":{"speed":5}}"#, at: 0)
    gateway.send(#"{"values":{"speed":5}}"#, from: "tr-2", at: 10_000)
    try gateway.commit()
    try gateway.reopen(sinks: [new])
    gateway.send(#"{"values":{"speed":50}}"#, at: 60_000)
    gateway.send(#"{"values":{"speed":50}}"#, from: "tr-2", at: 60_001)
    gateway.send(#"{"values":{"speed":5}}"#, from: "tr-2", at: 120_000)
    try gateway.commit()
    try gateway.reopen()  // what it is owed is stored
    // A filter that passes nothing of it any longer changes nothing.
    try gateway.reopen(sinks: [SinkFilter(sink: "old", sites: ["elsewhere"]), new])
    gateway.send(#"{"values":{"speed":50}}"#, from: "tr-2", at: 180_000)
    try gateway.commit()
    let owed = try Self.waiting(gateway, "old")
    #expect(owed.map { $0.prefix { $0 != "@" } } == ["slow raised", "slow raised", "slow cleared", "slow cleared"], "\(owed)")
    let heard = try Self.waiting(gateway, "new")
    #expect(heard.map { $0.prefix { $0 != "@" } } == ["slow raised", "slow cleared"], "\(heard): nothing of what it was not told of")
    #expect(try gateway.store.file.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM told") } == 0)
  }

  @Test func `what waits for a sink that is gone is given up when its time is over, told, and sent if it is back before`() throws {
    let gateway = try Self.told(6)
    let day: Int64 = 86_400_000
    try gateway.reopen(sinks: [SinkFilter(sink: "other")])
    gateway.store.recordRetention = RecordRetention()
    func tend(after days: Int64) throws -> SinkFigures {
      // Readings of that time: a clock alone lets nothing go.
      for second in Int64(0)..<2 {
        gateway.send(#"{"values":{"speed":50}}"#, at: days * day + second * 1000)
        try gateway.commit()
        try gateway.store.tend(gateway.engine, realNow: GatewayWorkshop.time(days * day + second * 1000))
      }
      return try #require(try gateway.store.file.read { try OutboxTable.figures(in: $0) }.first { $0.sink == "ioc" })
    }
    #expect(try tend(after: 6).waiting == 6)
    try gateway.reopen(sinks: [SinkFilter(sink: "ioc"), SinkFilter(sink: "other")])
    gateway.store.recordRetention = RecordRetention()
    #expect(try tend(after: 8).waiting == 6, "its own worker tries first")
    try gateway.reopen(sinks: [SinkFilter(sink: "other")])
    gateway.store.recordRetention = RecordRetention()
    #expect(try tend(after: 9).waiting == 6, "its time begins anew when it is gone again")
    let figures = try tend(after: 17)
    #expect((figures.created, figures.dead, figures.waiting) == (7, 6, 1))
    #expect(gateway.counters.gaps["expired"] == 1)
    let dead = try gateway.store.file.read { try OutboxTable.page(sink: "ioc", states: [.dead], after: nil, limit: 99, in: $0) }
    #expect(dead.allSatisfy { $0.lastError == "expired: the sink is not configured" })
    let gap = try gateway.store.file.read { try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: $0) }.deliveries
    #expect(String(decoding: try #require(gap.first).body, as: UTF8.self).contains(#""count":6,"#))
  }

  @Test func `a damaged event is set aside, told and counted in the commit of its mark, and is so after a kill`() throws {
    let gateway = try Self.told(4)
    try gateway.store.file.commit { db in try db.execute(sql: "UPDATE event SET body = x'7b7d' WHERE rowid IN (2, 3)") }
    let found = try gateway.store.file.read { try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: $0) }
    #expect(found.damaged.count == 2 && found.deliveries.count == 2)
    let marks = found.damaged.map { damaged in
      DeliveryMark(sink: "ioc", sequence: damaged.sequence, attempts: 0, outcome: .dead(.damaged, error: damaged.what))
    }
    for _ in 0..<2 { _ = try gateway.store.commit(gateway.engine, marks: marks, realNow: GatewayWorkshop.time(500_000)) }
    #expect(gateway.store.takeGiven() != nil, "the delivery is told of the gap event")
    try gateway.reopen()
    #expect(gateway.counters.gaps == ["damaged": 1])
    let figures = try Self.figures(gateway)
    #expect((figures.created, figures.dead, figures.waiting) == (5, 2, 3))
    #expect(try gateway.store.file.read { try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: $0) }.damaged.isEmpty)
  }
}
