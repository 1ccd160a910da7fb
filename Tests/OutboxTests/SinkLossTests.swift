import Foundation
import GRDB
import Outbox
import Readings
import Testing

/// What is lost is told by few gap events, and no queue grows beyond its bound.
@Suite struct SinkLossTests {
  private static let all = SinkFilter(sink: "all")

  /// A commit, as the gateway makes it.
  private static func commit(
    _ outbox: OutboxFile, _ events: [EventRecord] = [], _ marks: [DeliveryMark] = [], to sinks: [SinkFilter] = [all], most: Int64 = 1000
  ) throws -> Int {
    try outbox.write { db in
      try OutboxTable.enqueue(events, to: sinks, realNow: Wall.now(), in: db)
      let lost = try OutboxTable.apply(marks, realNow: Wall.now(), in: db)
      let moment = SinkLoss.Moment(instance: "bg-vy", clock: Sample.time, realNow: Wall.now(), waitingMax: most)
      return try SinkLoss.settle(marks, lost: lost, at: moment, in: db).causes.count
    }
  }

  private static func mark(_ sequence: Int64, _ outcome: DeliveryMark.Outcome, _ sink: String = "all") -> DeliveryMark {
    DeliveryMark(sink: sink, sequence: sequence, attempts: 1, outcome: outcome)
  }

  private static func expired(_ sequences: ClosedRange<Int64>) -> [DeliveryMark] {
    sequences.map { mark($0, .dead(.expired, error: "HTTP 503")) }
  }

  private struct Gap: Equatable {
    var sequence: Int64
    var count: Int
    var state: Int64
  }

  private static func gaps(_ outbox: OutboxFile, _ sink: String = "all") throws -> [Gap] {
    try outbox.rows(
      """
      SELECT sequence, body, state FROM delivery JOIN event ON event.id = delivery.event
      WHERE sink = '\(sink)' AND CAST(body AS TEXT) LIKE '%gateway.gap%' ORDER BY sequence
      """
    ).map { row in
      let json = try #require(try JSONSerialization.jsonObject(with: row["body"] as Data) as? [String: Any])
      let data = try #require(json["data"] as? [String: Any])
      #expect(data["cause"] as? String == "expired")
      return Gap(sequence: row["sequence"], count: try #require(data["count"] as? Int), state: row["state"])
    }
  }

  @Test func `thousands that expire in one commit are one gap, of their number, to their sink alone`() throws {
    let outbox = try OutboxFile()
    let sinks = [Self.all, SinkFilter(sink: "other")]
    _ = try Self.commit(outbox, (1...3000).map { Sample.record($0) }, to: sinks, most: 9000)
    #expect(try Self.commit(outbox, [], Self.expired(1...2500), to: sinks, most: 9000) == 1)
    #expect(try Self.gaps(outbox) == [Gap(sequence: 3001, count: 2500, state: 0)])
    #expect(try Self.gaps(outbox, "other") == [])
    // What is lost while it waits is told when it was taken.
    #expect(try Self.commit(outbox, [], Self.expired(2501...2600), to: sinks, most: 9000) == 0)
    #expect(try Self.commit(outbox, [], [Self.mark(3001, .delivered)], to: sinks, most: 9000) == 1)
    #expect(try Self.gaps(outbox).last == Gap(sequence: 3002, count: 100, state: 0))
    #expect(try Self.commit(outbox, [], [Self.mark(3002, .delivered)], to: sinks, most: 9000) == 0)
    #expect(try outbox.rows("SELECT * FROM sink_loss").isEmpty)
  }

  @Test func `a gap event that is lost itself leads to no other, until the sink takes something`() throws {
    let outbox = try OutboxFile()
    _ = try Self.commit(outbox, (1...5).map { Sample.record($0) })
    #expect(try Self.commit(outbox, [], Self.expired(1...3)) == 1)
    for _ in 0..<5 { #expect(try Self.commit(outbox, [], Self.expired(6...6)) == 0) }
    #expect(try Self.commit(outbox, [], [Self.mark(4, .delivered)]) == 1)
    #expect(try Self.gaps(outbox).map(\.count) == [3, 3])
    // One that the sink refuses was told all the same.
    #expect(try Self.commit(outbox, [], [Self.mark(7, .dead(.rejected, error: "HTTP 400"))]) == 0)
    #expect(try Self.commit(outbox, [], [Self.mark(5, .delivered)]) == 0)
    #expect(try outbox.rows("SELECT * FROM sink_loss").isEmpty)
  }

  @Test(arguments: 1...8)
  func `random lives of a full queue keep its bound, balance, and tell of each lost event once`(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let outbox = try OutboxFile()
    let most: Int64 = 40
    var (number, told) = (0, 0)
    for _ in 0..<150 {
      let events = (0..<random.below(12)).map { _ -> EventRecord in
        number += 1
        return Sample.record(number)
      }
      let heads = try outbox.rows("SELECT sequence FROM delivery WHERE state = 0 ORDER BY sequence LIMIT 20").map { $0[0] as Int64 }
      let marks = heads.prefix(random.below(7)).map { sequence -> DeliveryMark in
        switch random.below(4) {
        case 0: Self.mark(sequence, .dead(.expired, error: "HTTP 503"))
        case 1: Self.mark(sequence, .dead(.rejected, error: "HTTP 400"))
        default: Self.mark(sequence, .delivered)
        }
      }
      told += try Self.commit(outbox, events, marks, most: most)
      guard let figures = try outbox.figures().first else { continue }
      #expect(figures.waiting <= most, "seed \(seed)")
      let states = try outbox.rows("SELECT state, count(*) FROM delivery GROUP BY state")
      let counts = Dictionary(uniqueKeysWithValues: states.map { ($0[0] as Int64, $0[1] as Int64) })
      #expect(figures.waiting == counts[0] ?? 0 && figures.delivered == counts[1] ?? 0 && figures.dead == counts[2] ?? 0, "seed \(seed)")
      #expect(
        try outbox.rows("SELECT count(*) FROM sink_loss WHERE told_sequence IS NOT NULL").first?[0]
          == Int64(try Self.gaps(outbox).count { $0.state == 0 }))
    }
    #expect(told == (try Self.gaps(outbox).count), "seed \(seed)")
    // The sink recovers and takes everything: every expired event is told of.
    while let next = try outbox.rows("SELECT sequence FROM delivery WHERE state = 0 ORDER BY sequence LIMIT 1").first {
      _ = try Self.commit(outbox, [], [Self.mark(next[0], .delivered)], most: most)
    }
    let dead = try outbox.rows("SELECT sequence FROM delivery WHERE state = 2 AND last_error LIKE 'expired%'").map { $0[0] as Int64 }
    let gaps = try Self.gaps(outbox)
    let lost = Set(dead).subtracting(gaps.map(\.sequence)).count
    // A gap that was lost itself is told again by another; one that was refused is not.
    #expect(gaps.filter { gap in !dead.contains(gap.sequence) }.map(\.count).reduce(0, +) == lost, "seed \(seed)")
    #expect(try outbox.rows("SELECT * FROM sink_loss").isEmpty, "seed \(seed)")
  }
}
