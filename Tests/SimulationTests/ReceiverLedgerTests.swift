import Readings
import Simulation
import Testing

/// A receiver's account against naive models of it.
@Suite struct ReceiverLedgerTests {
  @Test(arguments: UInt64(1)...30) func `a set of sequences has the numbers and the holes that a plain set has`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let most = Int64.random(in: 1...60, using: &random)
    var (ranges, plain) = (SequenceSet(), Set<Int64>())
    for _ in 0..<Int.random(in: 0...120, using: &random) {
      let number = Int64.random(in: 1...most, using: &random)
      let isNew = ranges.insert(number)
      let wasNew = plain.insert(number).inserted
      #expect(isNew == wasNew, "seed \(seed)")
      let (low, high) = (plain.min() ?? 1, plain.max() ?? 1)
      #expect(ranges.highest == high, "seed \(seed)")
      #expect(ranges.holes.flatMap(Array.init) == (low...high).filter { !plain.contains($0) }, "seed \(seed)")
      #expect(ranges.missing == high - low + 1 - Int64(plain.count), "seed \(seed)")
      #expect((1...most).allSatisfy { ranges.contains($0) == plain.contains($0) }, "seed \(seed)")
      #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound }, "seed \(seed)")
    }
  }

  /// Events of several alerts and senders in any order, some again, some never.
  @Test(arguments: UInt64(1)...40) func `whatever comes in whatever order, the account is that of a naive one`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let events = try Self.events(&random)
    var arrivals = events.filter { _ in Int.random(in: 0..<10, using: &random) > 0 }
    arrivals += arrivals.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
    arrivals.shuffle(using: &random)
    var ledger = ReceiverLedger()
    var applied: [String: (revision: Int64, isRaised: Bool)] = [:]
    var (seen, outOfOrder): (Set<String>, Int) = ([], 0)
    for event in arrivals {
      let isNew = seen.insert(event.sender + event.id).inserted
      #expect(ledger.isTaken(event) == !isNew, "seed \(seed)")
      let order = ledger.take(event)
      #expect((order == .again) == !isNew, "seed \(seed)")
      guard isNew, let alert = event.alert else { continue }
      let name = event.sender + alert.id
      if let known = applied[name], known.revision > alert.revision {
        outOfOrder += 1
      } else {
        applied[name] = (alert.revision, alert.isRaised)
      }
    }
    let figures = ledger.figures
    #expect((figures.distinct, figures.again, figures.events) == (seen.count, arrivals.count - seen.count, arrivals.count), "seed \(seed)")
    #expect(figures.outOfOrder == outOfOrder, "seed \(seed)")
    #expect(figures.missing == Self.missing(of: arrivals), "seed \(seed)")
    #expect(ledger.openAlerts.count == applied.values.count(where: \.isRaised), "seed \(seed)")
    #expect(ledger.recent.count == min(seen.count, ReceiverLedger.recentMax))
  }

  @Test func `an event that was cleared is not opened again by an older one`() throws {
    var ledger = ReceiverLedger()
    _ = ledger.take(try Self.event(1, alert: "a", revision: 1))
    _ = ledger.take(try Self.event(3, alert: "a", revision: 3, state: "cleared"))
    let order = ledger.take(try Self.event(2, alert: "a", revision: 2))
    #expect(order == .behind)
    #expect(ledger.openAlerts.isEmpty)
    #expect((ledger.figures.outOfOrder, ledger.figures.outOfSequence, ledger.figures.missing) == (1, 1, 0))
  }

  @Test func `other bytes under an id that came before are noticed, also where the event was not taken`() throws {
    var ledger = ReceiverLedger()
    let event = try Self.event(1, alert: "a", revision: 1)
    var altered = event
    altered.body.append(0x20)
    let same = [event, event, altered].map { ledger.compareBytes(of: $0) }
    #expect(same == [true, true, false])
    #expect(ledger.figures.altered == 1)
  }

  @Test func `a jump is missing until its numbers come, and a heartbeat has none`() throws {
    var ledger = ReceiverLedger()
    let events = try [(5, "a"), (9, "b"), (7, "c")].map { try Self.event($0.0, alert: $0.1, revision: 1) }
    let orders = events.map { ledger.take($0) }
    #expect(orders == [.next, .ahead(missing: 6...8), .behind])
    #expect(ledger.bySender.first?.sequences.holes == [6...6, 8...8])
    let alive =
      #"{"specversion":"1.0","id":"h","source":"/thuong/t","type":"vn.thuong.gateway.alive","data":{"sink":"s","lastSequence":9,"waiting":2}}"#
    let order = ledger.take(try ReceivedEvent(path: "/", sequence: nil, body: Array(alive.utf8)))
    #expect(order == .unnumbered)
    #expect(ledger.bySender.first?.heartbeat?.lastSequence == 9)
    #expect((ledger.figures.events, ledger.figures.heartbeats, ledger.figures.missing) == (3, 1, 2))
  }

  private static func missing(of arrivals: [ReceivedEvent]) -> Int64 {
    Dictionary(grouping: arrivals, by: \.sender).values.reduce(0) { sum, events in
      let numbers = Set(events.compactMap(\.sequence))
      guard let low = numbers.min(), let high = numbers.max() else { return sum }
      return sum + high - low + 1 - Int64(numbers.count)
    }
  }

  private static func events(_ random: inout SeededGenerator) throws -> [ReceivedEvent] {
    var revisions: [String: Int] = [:]
    return try (1...Int.random(in: 1...80, using: &random)).map { number in
      let (path, alert) = ("/\(number % 2)", "alert-\(Int.random(in: 0..<6, using: &random))")
      revisions[path + alert, default: 0] += 1
      let state = Bool.random(using: &random) ? "raised" : "cleared"
      return try event(Int64(number), path: path, alert: alert, revision: revisions[path + alert] ?? 0, state: state)
    }
  }

  static func event(
    _ sequence: Int64, path: String = "/", alert: String, revision: Int, state: String = "raised"
  ) throws -> ReceivedEvent {
    let body = """
      {"specversion":"1.0","id":"event-\(sequence)","source":"/thuong/t","type":"vn.thuong.alert.\(state)","subject":"s/d/x",\
      "data":{"alert":"\(alert)","revision":\(revision),"state":"\(state)","severity":"major"}}
      """
    return try ReceivedEvent(path: path, sequence: sequence, body: Array(body.utf8))
  }
}
