import Alerting
import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Outbox
import Readings
import RuleEngine
import TestSupport
import Testing

/// Stores of every older format go on: what is open stays open, who was told of it is told its end, what waits is sent.
@Suite struct OlderStoreTests {
  /// All migrations, in the order in which stores have had them.
  private static let history = [
    "series-1", "alerting-1", "outbox-1", "gateway-1", "gateway-2", "series-2", "outbox-2", "gateway-3", "gateway-4", "alerting-2",
    "outbox-3", "gateway-5", "outbox-5", "outbox-4", "outbox-6", "outbox-7",
    "alerting-3",
  ]
  private static let rules = "rules: [{id: slow, when: last(speed) < 10, severity: major}]"
  private static let time = GatewayWorkshop.start

  /// One alert that is raised and one that has ended, of which `ioc` was told; `late` was told of the one that has ended.
  private struct Older {
    let directory: TemporaryDirectory
    let registry: Registry

    init(before name: String) throws {
      (directory, registry) = (try TemporaryDirectory(), try GatewayWorkshop.town())
      let place = try #require(history.firstIndex(of: name))
      let known = Set(history[..<place])
      let file = try StoreFile(
        directory: directory.path, durability: .normal, migrations: GatewaySchema.migrations.filter { known.contains($0.name) })
      try file.commit { db in
        try alert("open", "tr-1", db)
        try alert("over", "tr-2", db)
        try outbox(db)
      }
    }

    private func subject(_ device: String) -> String { registry.subject(of: registry.deviceIndex(device) ?? 0) }

    private func alert(_ id: String, _ device: String, _ db: GRDB.Database) throws {
      let isOpen = id == "open"
      let (raised, cleared) = (time - 100_000, isOpen ? nil : time - 50_000)
      try db.execute(
        sql: """
          INSERT INTO alert (id, rule, rule_version, subject, device, site, domain, severity, state, revision, breached_at, raised_at,
            cleared_at, message_vi, message_en)
          VALUES (?, 'slow', '1', ?, ?, 'bac-giang', 'traffic', 'major', ?, ?, ?, ?, ?, 'chậm', 'slow')
          """,
        arguments: [id, subject(device), device, isOpen ? "raised" : "cleared", isOpen ? 1 : 2, raised, raised, cleared])
      let isNumbered = try db.columns(in: "alert_transition").contains { $0.name == "number" }
      let kinds = isOpen ? ["raised"] : ["raised", "cleared"]
      for number in kinds.indices {
        let kind = kinds[number]
        try db.execute(
          sql: """
            INSERT INTO alert_transition (alert, \(isNumbered ? "number, " : "")revision, kind, reason, time, detected_at)
            VALUES (?, \(isNumbered ? "\(number + 1), " : "")?, ?, 'condition', ?, ?)
            """, arguments: [id, number + 1, kind, kind == "raised" ? raised : cleared, raised])
      }
      guard isOpen else { return }
      try db.execute(
        sql: "INSERT INTO life (rule, subject, version, breached_at, raised_at) VALUES ('slow', ?, '1', ?, ?)",
        arguments: [subject(device), raised, raised])
    }

    /// Sequence, event, state of each delivery to `ioc` and `late`; and one event that is no JSON.
    private func outbox(_ db: GRDB.Database) throws {
      let events = [
        ("open", "raised", -100_000), ("over", "raised", -100_000), ("over", "cleared", -50_000), ("ancient", "raised", -90 * 86_400_000),
      ]
      for (alert, type, at) in events {
        let body = #"{"type":"vn.thuong.alert.\#(type)","data":{"alert":"\#(alert)"}}"#
        try db.execute(
          sql: "INSERT INTO event (id, recorded_at, site, domain, severity, body) VALUES (?, ?, 'bac-giang', 'traffic', 2, ?)",
          arguments: ["\(alert)-\(type)", time + Int64(at), Data(body.utf8)])
      }
      try db.execute(
        sql: "INSERT INTO event (id, recorded_at, body) VALUES ('odd', ?, ?)", arguments: [time - 1000, Data("no JSON".utf8)])
      let deliveries = [
        ("ioc", 1, "ancient-raised", 1), ("ioc", 2, "open-raised", 1), ("ioc", 3, "over-raised", 2), ("ioc", 4, "over-cleared", 0),
        ("ioc", 5, "odd", 1), ("late", 1, "over-raised", 1), ("late", 2, "over-cleared", 1),
      ]
      for (sink, sequence, event, state) in deliveries {
        try db.execute(
          sql: "INSERT INTO delivery (sink, sequence, event, state, first_at, next_at) VALUES (?, ?, ?, ?, ?, ?)",
          arguments: [sink, sequence, event, state, time, time])
      }
      // What its version had written.
      if try db.columns(in: "event").contains(where: { $0.name == "alert" }) {
        try db.execute(sql: "UPDATE event SET alert = substr(id, 1, instr(id, '-') - 1) WHERE id LIKE '%-%'")
      }
      if try db.tableExists("told") { try db.execute(sql: "INSERT INTO told (alert, sink) VALUES ('open', 'ioc')") }
      try db.execute(
        sql: "INSERT INTO sink (id, last_sequence, delivered, dead) VALUES ('ioc', 5, 3, 1), ('late', 2, 2, 0)")
    }

    func open() throws -> (store: GatewayStore, engine: Engine) {
      let sinks = [SinkFilter(sink: "ioc"), SinkFilter(sink: "late", sites: ["elsewhere"])]
      let store = try GatewayStore(directory: directory.path, durability: .normal, sinks: sinks)
      let book = try RuleFiles.read(sources: [("Rules/test.yaml", rules)], registry: registry)
      return (store, try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "test")))
    }
  }

  private static func send(_ speed: Int, from device: String, at after: Int64, _ gateway: (store: GatewayStore, engine: Engine)) throws {
    guard let index = gateway.engine.registry.deviceIndex(device) else { return }
    let topic = Array("thuong/v1/\(gateway.engine.registry.subject(of: index))/telemetry".utf8)
    let payload = Array(#"{"values":{"speed":\#(speed)}}"#.utf8)
    topic.withUnsafeBytes { topic in
      payload.withUnsafeBytes { payload in
        gateway.engine.message(MessageInput(topic: topic, payload: payload, retain: false, packet: 0), at: GatewayWorkshop.time(after))
      }
    }
    _ = try gateway.store.commit(gateway.engine, realNow: GatewayWorkshop.time(after))
  }

  @Test func `every migration has its place in the history of stores`() {
    #expect(Set(Self.history) == Set(GatewaySchema.migrations.map(\.name)))
  }

  @Test(arguments: history.dropFirst(4)) func `a store of before a migration goes on`(_ name: String) throws {
    let older = try Older(before: name)
    do {
      let gateway = try older.open()
      #expect(gateway.store.file.copyOfOlder != nil)
      try gateway.store.file.read { try Self.check(afterMigration: $0) }
      // The dead letter goes again, with its alert; the one that is open ends, and who was told of it hears of that.
      let answer = try gateway.store.obey(.redrive(event: "over-raised", sink: nil), realNow: GatewayWorkshop.time(0))
      #expect(answer == .redriven(count: 1, next: nil))
      try Self.send(50, from: "tr-1", at: 60_000, gateway)
      try Self.send(5, from: "tr-2", at: 61_000, gateway)
    }
    let gateway = try older.open()
    let waiting = try gateway.store.file.read { db in try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: db).deliveries }
    #expect(waiting.map(\.sequence) == [3, 4, 6, 7] && waiting.map(\.alert).prefix(3) == ["over", "over", "open"])
    #expect(waiting.count > 2 && String(decoding: waiting[2].body, as: UTF8.self).contains("vn.thuong.alert.cleared"))
    #expect(try gateway.store.file.read { try OutboxTable.figures(in: $0) }.last?.created == 2, "late was not told of it")
    #expect(try gateway.store.file.read { try AlertTable.open($0) }.map(\.device) == ["tr-2"])
  }

  private static func check(afterMigration db: GRDB.Database) throws {
    #expect(try String.fetchAll(db, sql: "SELECT alert || ' ' || sink FROM told") == ["open ioc"])
    #expect(try AlertTable.open(db).map(\.id) == ["open"])
    #expect(try AlertTable.transitions(of: "over", db).map(\.kind) == [.raised, .cleared])
    let waiting = try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: db)
    #expect(waiting.deliveries.map(\.event) == ["over-cleared"] && waiting.damaged.isEmpty)
    #expect(waiting.deliveries.map(\.alert) == ["over"], "in the order of its alert")
    let figures = try OutboxTable.figures(in: db)
    #expect(figures.map { [$0.created, $0.delivered, $0.dead, $0.waiting] } == [[5, 3, 1, 1], [2, 2, 0, 0]])
    #expect(try OutboxTable.given(to: "ioc", after: 0, limit: 9, in: db).map(\.sequence) == [1, 2, 3, 4, 5])
  }
}
