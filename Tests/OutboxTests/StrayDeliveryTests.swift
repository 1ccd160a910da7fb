import Foundation
import GRDB
import Outbox
import Readings
import Testing

/// A delivery whose `state` itself is damaged is in no index of what waits: a start finds it, and it is lost and told like any other.
@Suite struct StrayDeliveryTests {
  private static let sinks = ["north", "south"].map { SinkFilter(sink: $0) }

  private static func mark(_ sequence: Int64, _ outcome: DeliveryMark.Outcome, _ sink: String = "north") -> DeliveryMark {
    DeliveryMark(sink: sink, sequence: sequence, attempts: 1, outcome: outcome)
  }

  private static func strays(_ outbox: OutboxFile) throws -> [DeliveryMark] { try outbox.write { try OutboxDamage($0).strays } }

  /// What gap events say is lost by damage.
  private static func told(_ outbox: OutboxFile, _ sink: String) async throws -> Int {
    try await outbox.waiting(sink: sink, after: 0, limit: 999).deliveries.reduce(0) { sum, delivery in
      let json = (try? JSONSerialization.jsonObject(with: Data(delivery.body))) as? [String: Any]
      let data = json?["data"] as? [String: Any]
      return sum + (data?["cause"] as? String == "damaged" ? data?["count"] as? Int ?? 0 : 0)
    }
  }

  @Test(arguments: ["1", "2", "7", "-1", "0.5", "'x'", "x'00'"])
  func `F12 a delivery that waits and has another state by damage is found at a start, set aside and told`(_ state: String) async throws {
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue((1...6).map { Sample.record($0) }, to: [Self.sinks[0]])
    try await outbox.apply([Self.mark(1, .delivered), Self.mark(2, .dead(.rejected, error: "HTTP 400"))])
    try outbox.write { try $0.execute(sql: "UPDATE delivery SET state = \(state) WHERE sequence = 4") }
    let found = try await outbox.waiting(sink: "north", after: 0, limit: 99)
    #expect(found.deliveries.map(\.sequence) == [3, 5, 6] && found.damaged.isEmpty, "no read of what waits meets it")
    let strays = try Self.strays(outbox)
    #expect(strays.map(\.sequence) == [4])
    try await outbox.apply(strays)
    try await outbox.apply(strays)
    let dead = try outbox.write { try OutboxTable.page(sink: "north", states: [.dead], after: nil, limit: 9, in: $0) }
    #expect(dead.map(\.sequence) == [2, 4] && dead.last?.lastError?.hasPrefix("damaged: the state of delivery 4") == true)
    #expect(try await Self.told(outbox, "north") == 1)
    let figures = try #require(try outbox.figures().first)
    #expect((figures.delivered, figures.dead, figures.waiting, figures.created) == (1, 2, 4, 7))
    #expect(try Self.strays(outbox).isEmpty)
    // The event is whole: an operator may send it all the same.
    #expect(try outbox.obey(.redrive(event: Sample.record(4).id, sink: nil)) == .redriven(count: 1, next: nil))
  }

  @Test(arguments: UInt64(1)...10) func `F12 of any states that are damaged those that waited are lost, told and counted, and no other`(
    seed: UInt64
  ) async throws {
    var random = SeededRandom(seed: seed)
    let outbox = try OutboxFile(tellsLosses: true)
    try outbox.enqueue((1...30).map { Sample.record($0) }, to: Self.sinks)
    var waits: [String: Set<Int64>] = ["north": Set(1...30), "south": Set(1...30)]
    let outcomes: [DeliveryMark.Outcome] = [.delivered, .dead(.rejected, error: "HTTP 400")]
    for _ in 0..<20 {
      let (sink, sequence) = (Self.sinks[random.below(2)].sink, Int64(1 + random.below(30)))
      try await outbox.apply([Self.mark(sequence, outcomes[random.below(2)], sink)])
      waits[sink]?.remove(sequence)
    }
    var lost: [String: Set<Int64>] = ["north": [], "south": []]
    for _ in 0..<16 {
      let (sink, sequence) = (Self.sinks[random.below(2)].sink, Int64(1 + random.below(30)))
      guard lost[sink]?.contains(sequence) == false else { continue }
      let state = ["1", "2", "3", "64", "-1", "'x'", "9223372036854775807"][random.below(7)]
      try outbox.write { try $0.execute(sql: "UPDATE delivery SET state = \(state) WHERE sink = '\(sink)' AND sequence = \(sequence)") }
      if waits[sink]?.contains(sequence) == true { lost[sink]?.insert(sequence) }
    }
    let strays = try Self.strays(outbox)
    try await outbox.apply(strays)
    for (sink, lost) in lost {
      #expect(Set(strays.filter { $0.sink == sink }.map(\.sequence)) == lost, "seed \(seed), \(sink)")
      #expect(try await Self.told(outbox, sink) == lost.count, "seed \(seed), \(sink)")
      let figures = try #require(try outbox.figures().first { $0.sink == sink })
      let waiting = try await outbox.waiting(sink: sink, after: 0, limit: 99).deliveries
      #expect(figures.waiting == Int64(waiting.count), "seed \(seed), \(sink): what is counted as waiting is found")
      let sound = waiting.map(\.sequence).filter { $0 <= 30 }
      #expect(Set(sound) == waits[sink]?.subtracting(lost), "seed \(seed), \(sink)")
    }
    #expect(try Self.strays(outbox).isEmpty, "seed \(seed)")
  }
}
