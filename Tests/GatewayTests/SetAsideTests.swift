import Database
import Foundation
import GRDB
import Gateway
import Readings
import SeriesStore
import TestSupport
import Testing

/// A row that is not what was written is set aside: what is lost with it is told as a gap with its time, and everything else goes on.
@Suite struct SetAsideTests {
  private static let day = RollupTown.day

  /// Five days of every device, sealed, into a store whose events somebody gets.
  private static func town() throws -> RollupTown {
    let town = try RollupTown(rollups: [.quarterHour: 1000 * day, .hour: 2000 * day, .day: 3000 * day], hasSink: true)
    for quarter in 0..<(5 * 96) {
      let ts = RollupTown.midnight + Int64(quarter) * 900_000
      for device in RollupTown.devices { town.send(device, [RollupTown.Message(ts: ts, values: [Int64(quarter), 7])], at: ts) }
    }
    try town.sealAll()
    return town
  }

  /// Changes one byte of a row behind the store's back.
  private static func damage(_ town: RollupTown, _ table: String, _ number: Int64, at place: Int) throws {
    try town.store.file.commit { db in
      var body = try #require(try Data.fetchOne(db, sql: "SELECT body FROM \(table) WHERE id = ?", arguments: [number]))
      body[place % body.count] ^= 0x10
      try db.execute(sql: "UPDATE \(table) SET body = ? WHERE id = ?", arguments: [body, number])
    }
  }

  private static func numbers(_ town: RollupTown, _ table: String) throws -> [Int64] {
    try town.store.file.read { db in try Int64.fetchAll(db, sql: "SELECT id FROM \(table) ORDER BY id") }
  }

  private struct Gap: Decodable {
    struct Data: Decodable { var cause, from, to, detail: String }
    var data: Data
  }

  private static func gaps(_ town: RollupTown) throws -> [Gap.Data] {
    try town.store.file.read { db in try Data.fetchAll(db, sql: "SELECT body FROM event ORDER BY recorded_at, id") }
      .map { try JSONDecoder().decode(Gap.self, from: $0).data }
  }

  private static func quarantined(_ town: RollupTown) throws -> [String] {
    try town.store.file.read { db in
      try String.fetchAll(db, sql: "SELECT stood_in || ' ' || row_number FROM quarantine WHERE length(body) > 0 ORDER BY id")
    }
  }

  @Test func `Any row of rollups that is damaged is made anew of what is finer, and nobody misses anything`() throws {
    let numbers = try Self.numbers(Self.town(), "rollup")
    #expect(numbers.count > 10)
    for (turn, number) in numbers.enumerated() {
      let town = try Self.town()
      let before = try town.store.file.read { db in try Data.fetchOne(db, sql: "SELECT body FROM rollup WHERE id = ?", arguments: [number])
      }
      try Self.damage(town, "rollup", number, at: 7 * turn)
      let row = try #require(try town.damaged(.rollup, number))
      try town.store.setAside(row, town.engine, realNow: Timestamp(milliseconds: RollupTown.start))
      let after = try town.store.file.read { db in try Data.fetchOne(db, sql: "SELECT body FROM rollup WHERE id = ?", arguments: [number]) }
      #expect(after == before, "row \(number)")
      #expect(try Self.gaps(town).isEmpty, "nothing is lost")
      #expect(try Self.quarantined(town) == ["rollup \(number)"])
      if let problem = try town.problem() { Issue.record("row \(number): \(problem)") }
    }
  }

  @Test func `A coarse row whose finer row is damaged too is made anew after that`() throws {
    let town = try Self.town()
    let numbers = try Self.numbers(town, "rollup")
    for number in numbers { try Self.damage(town, "rollup", number, at: 11) }
    // The coarsest first.
    for number in numbers.reversed() {
      guard let row = try town.damaged(.rollup, number) else { continue }
      try town.store.setAside(row, town.engine, realNow: Timestamp(milliseconds: RollupTown.start))
    }
    #expect(try Set(Self.quarantined(town)).count == numbers.count)
    if let problem = try town.problem() { Issue.record("\(problem)") }
  }

  @Test func `A chunk row that is damaged is told with its time, and its place is free again`() throws {
    let town = try Self.town()
    let number = try #require(try Self.numbers(town, "chunk").dropFirst(2).first)
    try Self.damage(town, "chunk", number, at: 100)
    let row = try #require(try town.damaged(.chunk, number))
    #expect(throws: StoreError.self) { try town.stored().visit { _, _ in } }
    let received = town.engine.counters.readingsReceived
    try town.store.setAside(row, town.engine, realNow: Timestamp(milliseconds: RollupTown.start))
    let gaps = try Self.gaps(town)
    #expect(gaps.count == 1 && gaps.first?.cause == "damaged")
    #expect(gaps.first?.from == Timestamp(milliseconds: row.from).rfc3339 && gaps.first?.to == Timestamp(milliseconds: row.to).rfc3339)
    #expect(gaps.first?.detail.contains("cannot be read") == true)
    #expect(try Self.quarantined(town) == ["chunk \(number)"])
    // What is left can be read, and a second report of the same row says nothing.
    var readings = 0
    try town.stored().visit { _, chunk in readings += chunk.count }
    #expect(readings > 0 && readings < Int(received))
    #expect(try !town.store.setAside(row, town.engine, realNow: Timestamp(milliseconds: RollupTown.start)))
    // The ring says what its rows come to, now and after a start.
    for _ in 0..<2 {
      try town.store.file.read { db in
        for ring in try ChunkTable.rings(db) {
          let bytes = try Int64.fetchOne(
            db, sql: "SELECT total(length(body)) FROM chunk WHERE id >> 43 = ?", arguments: [ring.id])
          #expect(ring.bytes == bytes)
        }
      }
      try town.reopen()
    }
    // A reading that comes again has its place; of series whose rows are sound it is a conflict.
    let (stored, rejected) = (town.engine.counters.readingsStored, town.engine.counters.readingsRejected.reduce(0, +))
    let now = RollupTown.midnight + 5 * Self.day
    for device in RollupTown.devices { town.send(device, [RollupTown.Message(ts: row.from, values: [55_555, 55_555])], at: now) }
    try town.sealAll()
    #expect(town.engine.counters.readingsStored > stored)
    #expect(town.engine.counters.readingsRejected.reduce(0, +) > rejected)
  }

  /// As no disk damages one: only a fault of the encoder, or a hand, makes it.
  @Test func `A row of the right checksum that cannot be read ends a seal with an error, and is not tried for ever`() throws {
    let town = try Self.town()
    let number = try #require(try Self.numbers(town, "chunk").last)
    let sound = try #require(try town.store.file.read { db in try ChunkTable.body(of: number, db) })
    let place = ChunkTable.place(of: number)
    let ring = try #require(try town.store.file.read { db in try ChunkTable.rings(db) }.first { $0.id == place.ring })
    let names = try town.stored().series.filter { $0.ring == ring.id }.map(\.id)
    let broken = try #require(
      (1..<sound.count).lazy.map { back in
        var body = [UInt8](sound)
        body[body.count - back] ^= 0xff
        return ChunkRow.sealed(body, number: number)
      }.first { body in
        let part = ChunkTable.Part(number: number, body: Data(body))
        guard let span = try? StoredSpan([part], ring: ring, span: place.span) else { return false }
        return names.contains { (try? span.readings(of: $0)) == nil }
      })
    try town.store.file.commit { db in try ChunkTable.store(number, broken, db) }
    #expect(try town.damaged(.chunk, number) == nil, "by itself it seems sound")
    try town.reopen()
    let ts = ring.range(of: place.span).lowerBound + 1
    for device in RollupTown.devices {
      town.send(device, [RollupTown.Message(ts: ts, values: [5, 5])], at: RollupTown.midnight + 5 * Self.day)
    }
    #expect(throws: StoreError.self) { try town.sealAll() }
    #expect(try Self.quarantined(town).isEmpty)
  }

  @Test func `What rules look back to in a damaged row is told, and the rules go on`() throws {
    let town = try Self.town()
    for number in try Self.numbers(town, "chunk") { try Self.damage(town, "chunk", number, at: 50) }
    try town.reopen()
    let now = RollupTown.midnight + 5 * Self.day
    town.send("minute", [RollupTown.Message(ts: now, values: [1, 2])], at: now)
    try town.commit()
    let gaps = try Self.gaps(town)
    #expect(!gaps.isEmpty && gaps.allSatisfy { $0.cause == "damaged" })
    try town.sealAll()
    let all = try Self.gaps(town).count
    try town.reopen()
    town.send("minute", [RollupTown.Message(ts: now + 60_000, values: [1, 2])], at: now + 60_000)
    try town.sealAll()
    #expect(try Self.gaps(town).count == all, "each is told once")
  }
}
