import Alerting
import Database
import Foundation
import GRDB
import Gateway
import Outbox
import Readings
import Testing

/// What is committed is all or nothing, and what was not is tried again as a whole.
@Suite struct CommitTests {
  private let silence = "rules: [{id: silent, where: {device: tr-1}, when: age(speed) > 90s, severity: minor}]"

  private func limit(_ gateway: GatewayWorkshop, pages: Int?) throws {
    try gateway.store.file.commit { db in
      let limit = try pages.map { try (Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0) + $0 } ?? 1_000_000
      _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(limit)")
    }
  }

  @Test func aFullDiskLosesNothingOfTheBatchNorOfTheTicksUntilThereIsSpace() throws {
    let gateway = try GatewayWorkshop(rules: silence)
    gateway.send(#"{"values":{"speed":1}}"#, at: 0)
    try gateway.commit()
    try limit(gateway, pages: 1)
    for i in Int64(1)...5000 { gateway.send(#"{"values":{"speed":\#(i % 9)}}"#, from: "tr-2", at: i) }
    for _ in 0..<3 { #expect(throws: StoreError.full) { try gateway.commit() } }
    gateway.clock(at: 120_000)  // the gateway's clock goes on meanwhile
    #expect(throws: StoreError.full) { try gateway.commit() }
    gateway.send(#"{"values":{"speed":1}}"#, at: 121_000)
    try limit(gateway, pages: nil)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@120000", "cleared@121000"])
    #expect(try gateway.stored().count == 5002)
    #expect(try gateway.lives().allSatisfy(\.life.isInactive))
    let before = gateway.counters
    try gateway.reopen()
    #expect(gateway.counters == before)
  }

  @Test func nothingOfAnUncommittedBatchIsThereAfterARestart() throws {
    let gateway = try GatewayWorkshop(rules: silence)
    gateway.send(#"{"values":{"speed":1}}"#, at: 0)
    try gateway.commit()
    let (counters, clock) = (gateway.counters, gateway.engine.clock)
    gateway.send(#"{"values":{"speed":2}}"#, at: 200_000)
    try gateway.reopen()
    #expect(gateway.counters == counters)
    #expect(gateway.engine.clock == clock)
    #expect(try gateway.alerts().isEmpty)
    gateway.send(#"{"values":{"speed":2}}"#, at: 200_000)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@120000", "cleared@200000"])
  }

  @Test func aGapIsToldAndCountedThoughNothingElseHappened() throws {
    let gateway = try GatewayWorkshop()
    gateway.clock(at: 0)
    try gateway.commit()
    gateway.engine.gap(cause: "session_lost", from: GatewayWorkshop.time(0), to: GatewayWorkshop.time(5000), detail: "x")
    try gateway.commit()
    #expect(gateway.events.count == 1)
    #expect(String(decoding: gateway.events[0].body, as: UTF8.self).contains("vn.thuong.gateway.gap"))
    try gateway.reopen()
    #expect(gateway.counters.gaps == ["session_lost": 1])
  }

  @Test func everyEventWaitsInTheOutboxUnderTheNextNumber() throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    for i in Int64(0)..<20 {
      gateway.send(#"{"values":{"speed":\#(i % 2 == 0 ? 5 : 50)}}"#, at: i * 1000)
      if i % 3 == 0 { try gateway.commit() }
    }
    try gateway.commit()
    let waiting = try gateway.store.file.read { try OutboxTable.waiting(sink: "ioc", after: 0, limit: 100, in: $0) }.deliveries
    #expect(waiting.map(\.sequence) == Array(1...20))
    #expect(waiting.map(\.event) == gateway.events.map(\.id))
    #expect(waiting.map(\.body) == gateway.events.map(\.body))
  }

  @Test func aLastSampleOfWhatWasRejectedIsKept() throws {
    let gateway = try GatewayWorkshop()
    gateway.send("{broken", at: 5)
    gateway.send(#"{"values":{"speed":1}}"#, from: "tr-9", at: 6)
    gateway.send(Array("x".utf8), topic: "any/topic", at: 7)
    try gateway.commit()
    gateway.send([UInt8](repeating: 0x7b, count: 10_000), topic: gateway.topic("tr-1"), at: 8)
    try gateway.commit()
    let samples = try gateway.store.file.read {
      try Row.fetchAll($0, sql: "SELECT reason, device, topic, length(payload), at FROM reject ORDER BY reason, device")
    }
    #expect(
      samples.map { "\($0[0] as String) \($0[1] as String) \($0[2] as String) \($0[3] as Int)" } == [
        "malformed tr-1 thuong/v1/s/traffic/tr-1/telemetry 4096", "unknown_device tr-9 thuong/v1/s/traffic/tr-9/telemetry 22",
        "wrong_topic  any/topic 1",
      ])
  }

  @Test func aLogThatLostItsLastRowsIsDamaged() throws {
    let gateway = try GatewayWorkshop()
    for i in Int64(0)..<5 {
      gateway.send(#"{"values":{"speed":1}}"#, at: i)
      try gateway.commit()
    }
    try gateway.store.file.commit { try $0.execute(sql: "DELETE FROM log WHERE number > 3") }
    #expect(throws: StoreError.damaged("log rows 4 to 5 are missing")) { try gateway.reopen() }
  }

  @Test func alteredReadingsAreDamage() throws {
    let gateway = try GatewayWorkshop()
    gateway.send(#"{"values":{"speed":1}}"#, at: 0)
    try gateway.commit()
    try gateway.store.file.commit { try $0.execute(sql: "UPDATE log SET body = body || x'00'") }
    #expect(throws: StoreError.damaged("log row 1 cannot be read (checksum)")) { try gateway.reopen() }
  }
}
