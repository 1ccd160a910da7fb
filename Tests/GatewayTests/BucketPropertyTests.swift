import Database
import GRDB
import Gateway
import Readings
import SeriesStore
import TestSupport
import Testing

/// Steps are what their readings say, whatever came when, and whatever of it is sealed.
@Suite struct BucketPropertyTests {
  private typealias Message = RollupTown.Message
  private static let day = RollupTown.day
  private static let steps: [Int64] = [
    60_000, 300_000, 900_000, 2_700_000, 3_600_000, 21_600_000, day, 7 * day, 40 * day,
  ]

  // MARK: Every small layout

  /// Places around a midnight: edges of a minute, a quarter of an hour, an hour and a day.
  private static let places: [Int64] = [-1, 0, 899_999, 900_000, 3_600_000, day - 1]

  /// Where three readings of a device stand, one after the other: every choice of places, each of them in days of its own.
  private static let layouts: [[Int64]] = places.indices.flatMap { a in
    places.indices.flatMap { b in
      places.indices.map { c in
        let base = RollupTown.midnight - Int64((a * 6 + b) * 6 + c + 2) * 3 * day
        return [a, b, c].map { base + places[$0] }
      }
    }
  }

  /// - Parameter pattern: bit n: everything is sealed after the nth; bit n + 3: the store is opened again after it.
  @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7, 8 + 1, 16 + 2, 24, 24 + 3])
  func `Three readings in any places and any order, sealed or not after each, come to what they say`(_ pattern: Int) throws {
    let town = try RollupTown()
    for turn in 0..<3 {
      for device in RollupTown.devices {
        town.send(
          device,
          Self.layouts.enumerated().map { place, layout in
            let value: Int64 = [2500, -1001, 7250][turn]
            let status = (place + turn) % 7 == 0 ? "02" : "00"
            return Message(ts: layout[turn], values: [value, place % 5 == 0 ? nil : value * 3], status: status)
          }, at: RollupTown.start)
      }
      try town.commit()
      if pattern >> turn & 1 == 1 { try town.sealAll() }
      if pattern >> (turn + 3) & 1 == 1 { try town.reopen() }
      if let problem = try town.problem([60_000, 900_000, 2_700_000, 3_600_000, Self.day]) { Issue.record("turn \(turn): \(problem)") }
    }
  }

  // MARK: Long ones

  /// A device's time goes on, and some of what it says comes late.
  private struct Talker {
    let device: String
    let interval: Int64
    var ts = RollupTown.start - 40 * day + 12_345

    mutating func messages(_ random: inout SeededGenerator) -> [Message] {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: return late(Int64.random(in: 1...6, using: &random) * 3_600_000, &random)
      case 1: return late(Int64.random(in: 1...60, using: &random) * day, &random)
      case 2: return edges(&random)
      case 3:
        ts += Int64.random(in: 0...3, using: &random) * day
        fallthrough
      default:
        return (0..<Int.random(in: 1...300, using: &random)).map { _ in
          ts += interval * (Int.random(in: 0..<20, using: &random) == 0 ? 30 : 1)
          return message(min(ts, RollupTown.start), &random)
        }
      }
    }

    private func late(_ most: Int64, _ random: inout SeededGenerator) -> [Message] {
      (0..<Int.random(in: 1...30, using: &random)).map { _ in message(ts - Int64.random(in: 0...most, using: &random), &random) }
    }

    private func edges(_ random: inout SeededGenerator) -> [Message] {
      let length: Int64 = [900_000, 3_600_000, day, 15 * day].randomElement(using: &random) ?? day
      let edge = Steps(length: length).start(of: ts - Int64.random(in: 0...20 * day, using: &random))
      return [-1, 0, 1, 899_999, -900_000].map { message(edge + $0, &random) }
    }

    private func message(_ ts: Int64, _ random: inout SeededGenerator) -> Message {
      func value() -> Int64? {
        let unit: Int64 = [1, 10, 100, 1000].randomElement(using: &random) ?? 1
        return Int.random(in: 0..<15, using: &random) == 0 ? nil : Int64.random(in: -9999...99_999, using: &random) * unit
      }
      let status = Int.random(in: 0..<12, using: &random) == 0 ? "02" : "00"
      return Message(ts: ts, values: [value(), value()], status: status)
    }
  }

  private static func questions(_ extent: Range<Int64>, _ random: inout SeededGenerator) -> [(range: Range<Int64>, step: Int64)] {
    let odd = (0..<2).map { _ in Int64.random(in: 30_000...100_000_000, using: &random) }
    let around = (extent.lowerBound - 50 * day)..<(extent.upperBound + 50 * day)
    return (steps + odd).flatMap { step in
      let from = Int64.random(in: around, using: &random)
      let length = step * Int64.random(in: 0...30, using: &random) + Int64.random(in: 1...step, using: &random)
      return [(around, step), (from..<(from + length), step), (around.lowerBound..<(extent.lowerBound + 1), step)]
    }
  }

  @Test(arguments: 0..<12) func `Any order of readings, sealing and restarts comes to what the readings say`(_ number: Int) throws {
    let seed = RollupTown.seed + UInt64(number)
    var random = SeededGenerator(seed: seed)
    let town = try RollupTown()
    var talkers = zip(RollupTown.devices, [1000, 60_000, 900_000]).map { Talker(device: $0, interval: $1) }
    for stage in 0..<12 {
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<3, using: &random)
        town.send(talkers[place].device, talkers[place].messages(&random), at: RollupTown.start)
      }
      try town.commit()
      switch Int.random(in: 0..<6, using: &random) {
      case 0: try town.sealAll()
      case 1: try town.reopen()
      case 2...4: for _ in 0..<Int.random(in: 1...3, using: &random) { try town.sealOne() }
      default: break
      }
      if let problem = try town.problem(Self.questions(town.model.extent, &random)) {
        Issue.record("seed \(seed), stage \(stage): \(problem)")
        return
      }
    }
  }

  // MARK: What is rare

  @Test func `A span of several parts comes to what they say together`() throws {
    let town = try RollupTown()
    var random = SeededGenerator(seed: RollupTown.seed)
    for part in 0..<3 {
      // A fortnight in one span: 40,000 readings that nothing makes small.
      town.send(
        "quarter",
        (0..<(part == 0 ? 30_000 : 4000)).map { _ in
          let ts = RollupTown.start - Int64.random(in: 0..<9 * Self.day, using: &random)
          return Message(ts: ts, values: [0, 1].map { $0 + Int64.random(in: 0...999_999_999, using: &random) })
        }, at: RollupTown.start)
      try town.sealAll()
      if let problem = try town.problem() { Issue.record("seed \(RollupTown.seed), part \(part): \(problem)") }
    }
    let spans = try town.rows(of: "quarter", nil).count
    let rows = try town.store.file.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM chunk") ?? 0 }
    #expect(rows > spans)
  }

  @Test func `What a device kept for months is sealed some spans at a time, and counts once throughout`() throws {
    let town = try RollupTown()
    var random = SeededGenerator(seed: RollupTown.seed)
    for device in RollupTown.devices {
      let hours = (0..<2400).filter { _ in Int.random(in: 0..<3, using: &random) > 0 }.shuffled(using: &random)
      town.send(
        device,
        hours.map { hour in
          let value = Int64.random(in: 0...99_999, using: &random)
          return Message(ts: RollupTown.start - Int64(hour) * 3_600_000 - 1, values: [Int64(hour), value])
        }, at: RollupTown.start)
    }
    try town.commit()
    for turn in 0..<12 {
      try town.sealOne()
      if turn == 5 { try town.reopen() }
      if let problem = try town.problem([900_000, Self.day]) { Issue.record("seed \(RollupTown.seed), turn \(turn): \(problem)") }
    }
    try town.sealAll()
    if let problem = try town.problem() { Issue.record("seed \(RollupTown.seed): \(problem)") }
  }

  @Test func `Readings of the first days of 1970 stand in their steps`() throws {
    let town = try RollupTown()
    let times: [Int64] = [0, 1, 899_999, 900_000, 3_599_999, 17 * 3_600_000 - 1, 17 * 3_600_000, Self.day, 41 * 3_600_000]
    for (place, device) in RollupTown.devices.enumerated() {
      for (turn, ts) in times.enumerated() {
        town.send(device, [Message(ts: ts, values: [Int64(turn), 1500])], at: RollupTown.start)
        if turn % 3 == place { try town.sealAll() }
      }
    }
    let range: Range<Int64> = 0..<(3 * Self.day)
    for _ in 0..<2 {
      if let problem = try town.problem(Self.steps.map { (range, $0) }) { Issue.record("\(problem)") }
      try town.sealAll()
    }
  }

  @Test func `A series ends with its newest reading, however long the span that it is sealed in`() throws {
    let town = try RollupTown()
    let last = RollupTown.start - 3 * Self.day
    for device in RollupTown.devices { town.send(device, [Message(ts: last, values: [1, nil])], at: RollupTown.start) }
    try town.commit()
    for _ in 0..<2 {
      let stored = try town.stored()
      for series in stored.series {
        let end = try stored.end(of: [series.id])
        #expect(end == (series.metric == "a" ? Timestamp(milliseconds: last + 1) : nil), "\(series.device)/\(series.metric)")
      }
      try town.sealAll()
    }
  }

  @Test func `A value near the end of all numbers is sealed, and its sum is a number`() throws {
    let town = try RollupTown()
    let topic = Array("thuong/v1/s/power/minute/telemetry".utf8)
    for minute in 0..<3 {
      let payload = Array("{\"ts\":\(RollupTown.start - Int64(minute) * 60_000),\"values\":{\"a\":1.7e308,\"b\":-1.7e308}}".utf8)
      topic.withUnsafeBytes { topic in
        payload.withUnsafeBytes { payload in
          town.engine.message(MessageInput(topic: topic, payload: payload), at: Timestamp(milliseconds: RollupTown.start))
        }
      }
    }
    try town.sealAll()
    let found = try RollupTown.points(town.stored(), in: 0..<(RollupTown.start + 1), step: 40 * Self.day)
    #expect(found[2].map { $0.values.allSatisfy(\.isFinite) } == [true] && found[3].map { $0.values.allSatisfy(\.isFinite) } == [true])
  }
}
