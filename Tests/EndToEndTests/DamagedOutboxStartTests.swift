import Database
import Foundation
import GRDB
import Gateway
import Outbox
import Readings
import Simulation
import Testing

/// What no read of what waits would find damaged in the outbox is found when the gateway starts.
@Suite struct DamagedOutboxStartTests {
  /// Two events that wait, of which one does no longer by its damaged state; a row of who was told of what that is none.
  private static func makeStore(_ directory: String) throws {
    let store = try GatewayStore(directory: directory, durability: .normal, sinks: [])
    try store.file.commit { db in
      let events = ["e", "f"].map { id in
        EventRecord(id: id, recordedAt: Timestamp(milliseconds: 1), site: "s", domain: "d", severity: .major, body: Array("{}".utf8))
      }
      try OutboxTable.enqueue(events, to: [SinkFilter(sink: "ioc")], realNow: LiveClock.wall, in: db)
      try db.execute(sql: "UPDATE delivery SET state = 9 WHERE sequence = 1")
      try db.execute(sql: "INSERT INTO told (alert, sink, checksum) VALUES ('a', 'ioc', 7)")
    }
  }

  @Test func `F12 a start sets aside a delivery whose state is damaged, tells the loss, mends the rest and goes on`() async throws {
    let city = try QuietCity(prefix: "thuong-outbox")
    defer { city.broker.end() }
    try Self.makeStore(city.gateway.storeDirectory)
    let child = try city.gateway.start()
    defer { child.end() }
    #expect(await city.gateway.waitUntilReady(child))
    let reader = try StoreReader(directory: city.gateway.storeDirectory)
    let (dead, waiting, damage) = try reader.read { db in
      (
        try OutboxTable.page(sink: "ioc", states: [.dead], after: nil, limit: 9, in: db),
        try OutboxTable.page(sink: "ioc", states: [.waiting], after: nil, limit: 9, in: db), try OutboxDamage(db)
      )
    }
    #expect(dead.map(\.event) == ["e"] && dead[0].lastError?.hasPrefix("damaged: the state of delivery 1") == true, "\(dead)")
    #expect(waiting.count == 2 && waiting[0].event == "f" && waiting[1].headline.type == "vn.thuong.gateway.gap", "\(waiting)")
    #expect(damage.strays.isEmpty && damage.rows.isEmpty)
    let log = try String(contentsOfFile: city.gateway.logFile, encoding: .utf8)
    for words in ["A delivery is damaged and is set aside", "A row of the outbox was damaged"] { #expect(log.contains(words), "\(log)") }
  }
}
