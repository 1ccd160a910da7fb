import Foundation
import GRDB
import Outbox
import Readings
import Testing

/// Rows that say who was told of what, and who has lost what, may be damaged: no commit fails of them, and rather too much is told.
@Suite struct DamagedTellingTests {
  private static let sinks = [SinkFilter(sink: "ioc-1"), SinkFilter(sink: "ioc-3", sites: ["viet-yen"]), SinkFilter(sink: "police")]

  /// The sinks that get the end of an alert at `site`, after damage to a row of `told`.
  private static func ends(after damage: String, site: String = "bac-giang") throws -> (sinks: Set<String>, damage: [String], rows: Int) {
    let outbox = try OutboxFile()
    // Every sink has had something before.
    try outbox.enqueue([Sample.record(9, site: "viet-yen")], to: sinks)
    try outbox.enqueue([Sample.record(1, site: site)], to: sinks)
    try outbox.write { try $0.execute(sql: damage) }
    let found = try outbox.write { try OutboxDamage($0).rows }
    var cleared = Sample.alert(.cleared, number: 1, site: site)
    cleared.revision = 2
    try outbox.enqueue([cleared.record], to: sinks)
    let rows = try outbox.rows("SELECT sink FROM delivery WHERE event = '\(cleared.record.id)'")
    return (Set(rows.map { $0[0] as String }), found, try outbox.rows("SELECT * FROM told WHERE alert = 'alert-1'").count)
  }

  @Test func `whom the checksum proves, or else the name, was told; where neither says who, every sink`() throws {
    let told = "alert = 'alert-1' AND sink = 'ioc-1'"
    // What is damaged, and who gets the end: ioc-3 was not told.
    let cases: [(damage: String, sinks: Set<String>)] = [
      ("UPDATE told SET sink = sink WHERE \(told)", ["ioc-1", "police"]),
      // One bit makes it another sink's name.
      ("UPDATE told SET sink = 'ioc-3' WHERE \(told)", ["ioc-1", "police"]),
      ("UPDATE told SET sink = 'xoc-1' WHERE \(told)", ["ioc-1", "police"]),
      ("UPDATE told SET sink = x'696f632d31' WHERE \(told)", ["ioc-1", "police"]),
      ("UPDATE told SET checksum = checksum + 1 WHERE \(told)", ["ioc-1", "police"]),
      ("UPDATE told SET checksum = 'x' WHERE \(told)", ["ioc-1", "police"]),
      ("UPDATE told SET checksum = 1, sink = 'xoc-1' WHERE \(told)", ["ioc-1", "ioc-3", "police"]),
      ("UPDATE told SET checksum = 1", ["ioc-1", "police"]),
    ]
    for (number, (damage, sinks)) in cases.enumerated() {
      let ended = try Self.ends(after: damage)
      #expect(ended.sinks == sinks, "\(damage)")
      #expect(ended.rows == 0, "\(damage): the alert is over")
      #expect(ended.damage.isEmpty == (number == 0), "\(damage): \(ended.damage)")
    }
  }

  @Test func `a damaged row of who was told is sound after the next event of its alert`() throws {
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: Self.sinks)
    try outbox.write { try $0.execute(sql: "UPDATE told SET checksum = 7 WHERE sink = 'police'") }
    #expect(try outbox.write { try OutboxDamage($0).rows } == ["that police was told of alert alert-1 is not as it was written"])
    var reminder = Sample.alert(.reminder, number: 1)
    reminder.revision = 2
    try outbox.enqueue([reminder.record], to: Self.sinks)
    #expect(try outbox.write { try OutboxDamage($0).rows }.isEmpty)
    #expect(try outbox.rows("SELECT sink FROM told ORDER BY sink").map { $0[0] as String } == ["ioc-1", "police"])
  }

  /// As a start does it, which knows what alerts are open.
  @Test func `a row that names an alert that nobody knows is mended at a start, as are losses of a sink that nobody knows`() async throws {
    for damage in ["alert = 'xlert-1'", "alert = x'00'", "alert = 'xlert-1', checksum = 1"] {
      let outbox = try OutboxFile(tellsLosses: true)
      try outbox.write { db in
        for alert in ["alert-1", "alert-2"] { try db.execute(sql: Self.openAlert, arguments: [alert]) }
      }
      try outbox.enqueue([Sample.record(1)], to: [Self.sinks[0]])
      try outbox.enqueue([Sample.record(2)], to: [Self.sinks[2]])
      try await outbox.apply(Self.expired(1...1))
      try outbox.write { db in
        try db.execute(sql: "UPDATE told SET \(damage) WHERE sink = 'ioc-1'; UPDATE sink_loss SET sink = 'yoc-1'")
        #expect(try OutboxDamage(db).rows.count == 2)
        try OutboxDamage.mend(at: Sample.time, in: db)
        #expect(try OutboxDamage(db).rows.isEmpty, "\(damage)")
      }
      let told = try outbox.rows("SELECT alert || ' ' || sink FROM told ORDER BY 1").map { $0[0] as String }
      let all = ["alert-1 ioc-1", "alert-2 ioc-1", "alert-2 police"]
      #expect(told == (damage.contains("checksum") ? all : all.filter { $0 != "alert-2 ioc-1" }), "\(damage)")
      #expect(try outbox.rows("SELECT sink, count FROM sink_loss").map { "\($0[0] as String) \($0[1] as Int)" } == ["ioc-1 1"])
    }
  }

  private static let openAlert = """
    INSERT INTO alert (id, rule, rule_version, subject, site, domain, severity, state, revision, breached_at, raised_at, message_vi, message_en)
    VALUES (?, 'r', 'v', 's', 'bac-giang', 'traffic', 'major', 'raised', 1, 0, 0, '', '')
    """

  private static func expired(_ sequences: ClosedRange<Int64>) -> [DeliveryMark] {
    sequences.map { DeliveryMark(sink: "ioc-1", sequence: $0, attempts: 1, outcome: .dead(.expired, error: "HTTP 503")) }
  }

  private static func delivered(_ sequence: Int64) -> DeliveryMark {
    DeliveryMark(sink: "ioc-1", sequence: sequence, attempts: 1, outcome: .delivered)
  }

  @Test(arguments: [
    "count = 1000", "count = 'x'", "damaged = -1", "from_at = 'x'", "to_at = 9223372036854775807", "first_sequence = x'00'",
    "last_sequence = 0", "told_sequence = NULL", "told_sequence = 'x'", "told_count = 99", "told_to = 'x'", "checksum = 1",
  ])
  func `what a sink has lost is told again where its row is damaged, with what is dead for it`(_ damage: String) async throws {
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue((1...20).map { Sample.record($0) }, to: [Self.sinks[0]])
    try await outbox.apply(Self.expired(1...4))
    try await outbox.apply(Self.expired(5...7))
    try outbox.write { try $0.execute(sql: "UPDATE sink_loss SET \(damage)") }
    #expect(try outbox.write { try OutboxDamage($0).rows }.count == 1)
    // Whatever is committed now is committed.
    try outbox.enqueue([Sample.record(21)], to: [Self.sinks[0]])
    try await outbox.apply(Self.expired(9...9) + [Self.delivered(8)])
    #expect(try outbox.write { try OutboxDamage($0).rows }.isEmpty)
    let gaps = try await outbox.waiting(sink: "ioc-1", after: 20, limit: 99).deliveries.map { String(decoding: $0.body, as: UTF8.self) }
      .filter { $0.contains("gateway.gap") }
    #expect(gaps.count == 2 && gaps[1].contains(#""count":8,"#) && gaps[1].contains("of the sequences 1 to 9"), "\(gaps)")
    for sequence in [21, 23] as [Int64] { try await outbox.apply([Self.delivered(sequence)]) }
    #expect(try outbox.rows("SELECT * FROM sink_loss").isEmpty, "what was told and taken is over")
  }
}
