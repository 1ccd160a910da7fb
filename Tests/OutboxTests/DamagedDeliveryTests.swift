import Foundation
import GRDB
import Outbox
import Readings
import Simulation
import Synchronization
import Testing

/// A row that is not what was written: its event is a dead letter, the loss is told to its sink, and everything else goes on.
@Suite struct DamagedDeliveryTests {
  private static let sinks = ["north", "south"].map { SinkFilter(sink: $0) }

  /// Changes one column of a row behind the outbox's back, or takes the event away.
  ///
  /// - Returns: by sink, the sequences of what is damaged then.
  private static func damage(_ outbox: OutboxFile, _ random: inout SeededGenerator) throws -> [String: Int64] {
    let (isEvent, sequence) = (random.below(2) == 0, 1 + random.below(40))
    let sink = sinks[Int(random.below(2))].sink
    let columns =
      isEvent
      ? ["recorded_at", "site", "domain", "severity", "body", "alert"] : ["event", "attempts", "first_at", "next_at", "last_error"]
    let column = columns[Int(random.below(Int64(columns.count)))]
    let values = ["42", "NULL", "'x'", "x'00ff'", "9223372036854775807", "\(column) || 'x'"]
    let value = values[Int(random.below(Int64(values.count)))]
    let isGone = isEvent && random.below(8) == 0
    return try outbox.write { db in
      let place = isEvent ? "id = '\(Sample.record(Int(sequence)).id)'" : "sink = '\(sink)' AND sequence = \(sequence)"
      let table = isEvent ? "event" : "delivery"
      let before = try DatabaseValue.fetchOne(db, sql: "SELECT \(column) FROM \(table) WHERE \(place)")
      if isGone {
        try db.execute(sql: "DELETE FROM event WHERE \(place)")
      } else {
        do { try db.execute(sql: "UPDATE \(table) SET \(column) = \(value) WHERE \(place)") } catch is DatabaseError { return [:] }
        if try DatabaseValue.fetchOne(db, sql: "SELECT \(column) FROM \(table) WHERE \(place)") == before { return [:] }
      }
      return Dictionary(uniqueKeysWithValues: sinks.filter { isEvent || $0.sink == sink }.map { ($0.sink, sequence) })
    }
  }

  @Test(arguments: UInt64(1)...8) func `F12 whatever row is damaged, the rest arrives, the loss is told, and everything balances`(
    seed: UInt64
  ) async throws {
    var random = SeededGenerator(seed: seed)
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue((1...40).map { Sample.record($0) }, to: Self.sinks)
    var damaged: [String: Set<Int64>] = ["north": [], "south": []]
    for _ in 0..<12 { for (sink, sequence) in try Self.damage(outbox, &random) { damaged[sink]?.insert(sequence) } }
    try Self.look(at: outbox)
    let got = Mutex<[String: [Int64]]>([:])
    let gaps = Mutex<[String: Int]>([:])
    let peer = try await TestPeer { request in
      let sink = request.head.contains("/north ") ? "north" : "south"
      guard let sequence = request.header("thuong-sequence").flatMap({ Int64($0) }) else { return .answer(204) }
      if sequence <= 40 { got.withLock { $0[sink, default: []].append(sequence) } }
      gaps.withLock { $0[sink, default: 0] += Self.lost(request.body) }
      return .answer(204)
    }
    try await DeliveryRun.deliver(outbox, Self.sinks.map { try DeliveryRun.sink($0.sink, peer.port) }) { delivery in
      for sink in damaged.keys {
        try await outbox.until(sink) { figures in
          delivery.notify()
          return figures.waiting == 0
        }
      }
    }
    for (sink, lost) in damaged {
      let sound = (1...40).map { Int64($0) }.filter { !lost.contains($0) }
      #expect(got.withLock { $0[sink]?.sorted() } == sound, "seed \(seed), \(sink)")
      #expect(gaps.withLock { $0[sink] ?? 0 } == lost.count, "seed \(seed), \(sink): what is lost is told")
      let dead = try outbox.write { try OutboxTable.page(sink: sink, states: [.dead], after: nil, limit: 99, in: $0) }
      #expect(Set(dead.map(\.sequence)) == lost && dead.allSatisfy { $0.lastError?.hasPrefix("damaged: ") ?? false }, "seed \(seed)")
      let figures = try #require(try outbox.figures().first { $0.sink == sink })
      #expect(figures.created == figures.delivered + figures.dead && figures.dead == Int64(lost.count), "seed \(seed), \(sink)")
    }
    try Self.look(at: outbox)
  }

  /// Whoever shows the outbox can go on.
  private static func look(at outbox: OutboxFile) throws {
    #expect(try outbox.figures().count == 2)
    try outbox.write { db in
      #expect(try OutboxTable.page(sink: nil, states: Set(DeliveryState.allCases), after: nil, limit: 999, in: db).count >= 80)
      for sink in sinks {
        let given = try OutboxTable.given(to: sink.sink, after: 0, limit: 999, in: db)
        #expect(given.count >= 40)
        for delivery in given { _ = (try OutboxTable.deliveries(of: delivery.event, in: db), delivery.headline) }
      }
    }
  }

  /// What a gap event says is lost.
  private static func lost(_ body: [UInt8]) -> Int {
    let json = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any]
    let data = json?["data"] as? [String: Any]
    return data?["cause"] as? String == "damaged" ? data?["count"] as? Int ?? 0 : 0
  }

  private static func damage(_ outbox: OutboxFile, _ sql: String) throws { try outbox.write { try $0.execute(sql: sql) } }

  private static func mark(_ sequence: Int64, _ outcome: DeliveryMark.Outcome) -> DeliveryMark {
    DeliveryMark(sink: "north", sequence: sequence, attempts: 1, outcome: outcome)
  }

  @Test func `a damaged event is not redriven, and a sound one of a damaged delivery is, with what was recorded`() async throws {
    let outbox = try OutboxFile(tellsLosses: true)
    let events = (1...4).map { Sample.record($0) }
    try outbox.enqueue(events, to: [Self.sinks[0]])
    try Self.damage(outbox, "UPDATE event SET body = x'7b7d' WHERE id = '\(events[0].id)'")
    try Self.damage(outbox, "UPDATE delivery SET next_at = 7 WHERE sequence = 2")
    let found = try await outbox.waiting(sink: "north", after: 0, limit: 9)
    #expect(found.damaged.map(\.sequence) == [1, 2] && found.deliveries.map(\.sequence) == [3, 4])
    try await outbox.apply(found.damaged.map { Self.mark($0.sequence, .dead(.damaged, error: $0.what)) })
    let refused = try outbox.obey(.redrive(event: events[0].id, sink: nil))
    #expect(refused == .refused(.damaged("event \(events[0].id) is not as it was written")))
    #expect(try outbox.obey(.redriveDead(sink: "north", since: nil, after: 0)) == .redriven(count: 1, next: nil))
    let again = try await outbox.waiting(sink: "north", after: 0, limit: 2).deliveries
    #expect(again.map(\.sequence) == [2, 3] && again.first?.body == events[1].body && again.first?.event == events[1].id)
  }

  @Test func `what the writer can read is not set aside, whoever calls it damaged`() async throws {
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue([Sample.record(1)], to: [Self.sinks[0]])
    #expect(try await outbox.apply([Self.mark(1, .dead(.damaged, error: "a disk that lies"))]) == [])
    #expect(try await outbox.waiting(sink: "north", after: 0, limit: 9).deliveries.map(\.sequence) == [1])
    #expect(try outbox.figures().first?.dead == 0)
  }

  @Test func `an attempt's outcome is kept of a delivery that was damaged meanwhile, and makes its row sound`() async throws {
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue((1...3).map { Sample.record($0) }, to: [Self.sinks[0]])
    try Self.damage(outbox, "UPDATE delivery SET first_at = 'x', attempts = x'00', last_error = 5")
    try await outbox.apply([
      Self.mark(1, .delivered), Self.mark(2, .dead(.rejected, error: "HTTP 400")),
      Self.mark(3, .retryLater(nextAt: Sample.time, error: "HTTP 500")),
    ])
    let figures = try #require(try outbox.figures().first)
    #expect((figures.delivered, figures.dead, figures.waiting, figures.lastError) == (1, 1, 1, "HTTP 500"))
    #expect(try await outbox.waiting(sink: "north", after: 0, limit: 9).deliveries.map(\.sequence) == [3])
    let dead = try outbox.write { try OutboxTable.page(sink: "north", states: [.dead], after: nil, limit: 9, in: $0) }
    #expect(dead.map(\.lastError) == ["rejected: HTTP 400"])
  }

  @Test func `a full queue makes room beside damaged rows, and a damaged gap event is told again`() async throws {
    let outbox = try OutboxFile(tellsLosses: true, most: 10)
    try outbox.enqueue((1...10).map { Sample.record($0) }, to: [Self.sinks[0]])
    try Self.damage(outbox, "UPDATE delivery SET attempts = 9 WHERE sequence IN (1, 2)")
    try outbox.enqueue((11...13).map { Sample.record($0) }, to: [Self.sinks[0]])
    try await outbox.apply([])
    #expect(try outbox.figures().first.map { [$0.dead, $0.waiting] } == [4, 10])
    try Self.damage(outbox, "UPDATE event SET body = x'7b7d' WHERE CAST(body AS TEXT) LIKE '%gateway.gap%'")
    let found = try await outbox.waiting(sink: "north", after: 0, limit: 99)
    #expect(found.damaged.count == 1)
    try await outbox.apply(found.damaged.map { Self.mark($0.sequence, .dead(.damaged, error: $0.what)) })
    let gaps = try await outbox.waiting(sink: "north", after: 0, limit: 99).deliveries
      .filter { String(decoding: $0.body, as: UTF8.self).contains("gateway.gap") }
    #expect(gaps.count == 1 && String(decoding: gaps[0].body, as: UTF8.self).contains(#""count":4,"#))
  }

  @Test func `the same stretch that is lost again after it was redriven is told again`() async throws {
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue([Sample.record(1)], to: [Self.sinks[0]])
    for gap in Int64(2)...4 {
      try await outbox.apply([Self.mark(1, .dead(.expired, error: "HTTP 503"))])
      let waiting = try await outbox.waiting(sink: "north", after: 0, limit: 9).deliveries
      #expect(waiting.map(\.sequence) == [gap])
      try await outbox.apply([Self.mark(gap, .delivered)])
      #expect(try outbox.obey(.redrive(event: Sample.record(1).id, sink: nil)) == .redriven(count: 1, next: nil))
    }
  }
}
