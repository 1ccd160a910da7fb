import Database
import GRDB
import Gateway
import Outbox
import Readings
import Testing

/// No damaged row of the outbox ends a commit.
@Suite struct DamagedOutboxTests {
  private static let rules = "rules: [{id: slow, when: last(speed) < 10, severity: major}]"

  @Test(arguments: [
    "UPDATE told SET checksum = 1", "UPDATE told SET sink = x'00'", "UPDATE delivery SET state = 9",
    "UPDATE delivery SET state = 'x', event = 'y', attempts = 'z'", "UPDATE sink_loss SET count = 'x'", "UPDATE sink_loss SET checksum = 1",
  ])
  func `F12 commits go on over a damaged row, and the end of an alert is told`(_ damage: String) throws {
    let gateway = try GatewayWorkshop(rules: Self.rules)
    let now = GatewayWorkshop.time(0)
    for device in ["tr-1", "tr-2"] { gateway.send(#"{"values":{"speed":5}}"#, from: device, at: 0) }
    try gateway.commit()
    // One of the two is lost, so that there is a loss to tell.
    let lost = DeliveryMark(sink: "ioc", sequence: 1, attempts: 3, outcome: .dead(.expired, error: "HTTP 503"))
    _ = try gateway.store.commit(gateway.engine, marks: [lost], realNow: now)
    try gateway.store.file.commit { db in
      try db.execute(sql: damage)
      #expect(db.changesCount > 0)
    }
    try gateway.reopen()
    let strays = try gateway.store.file.read { try OutboxDamage($0).strays }
    #expect(strays.isEmpty != damage.contains("state ="), "\(strays)")
    for device in ["tr-1", "tr-2"] { gateway.send(#"{"values":{"speed":50}}"#, from: device, at: 1000) }
    _ = try gateway.store.commit(gateway.engine, marks: strays, realNow: now)
    let ends = try gateway.store.file.read { db in
      try OutboxTable.waiting(sink: "ioc", after: 0, limit: 99, in: db).deliveries.count { $0.body.isClearing }
    }
    #expect(ends == 2)
    let damaged = try gateway.store.file.read { try OutboxDamage($0) }
    #expect(damaged.strays.isEmpty && damaged.rows.isEmpty, "\(damaged)")
  }
}

extension [UInt8] {
  fileprivate var isClearing: Bool { String(decoding: self, as: UTF8.self).contains("alert.cleared") }
}
