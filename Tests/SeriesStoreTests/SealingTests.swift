import Database
import Foundation
import GRDB
import Readings
import SeriesStore
import TestSupport
import Testing

/// Heads, rings and chunks against a plain dictionary: whatever is sealed, let go of, brought back or lost with the process, an instant
/// finds in heads what it needs, and everything that was stored is there once.
@Suite struct SealingTests {
  private static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)

  private typealias Model = [Int64: (value: Double, quality: UInt8)]

  /// A store of three series in two rings, without a gateway around it.
  private final class Workshop {
    static let reach: Milliseconds = 1_200_000
    static let least = 4

    private let directory: TemporaryDirectory
    private let file: StoreFile
    private let history: SealedReadings
    private(set) var rings: Rings
    private(set) var heads = SeriesHeads()
    private var sealer = Sealer()
    /// The log: what is not sealed comes back from it.
    private var unsealed: [Reading] = []
    var model: [Model] = [[:], [:], [:]]

    init() throws {
      directory = try TemporaryDirectory()
      file = try StoreFile(directory: directory.path, durability: .normal, migrations: SeriesSchema.migrations)
      history = SealedReadings(file: file)
      let series = (0..<3).map { StoredSeries(id: SeriesID($0), device: $0 < 2 ? "a" : "b", metric: "m\($0)", registeredAt: nil) }
      let plan = try RingPlan(rings: [], series: series) { $0 == "a" ? 900_000 : 1_800_000 }
      rings = plan.rings
      heads.addSeries(through: SeriesID(2))
    }

    /// Offers a reading; what became of it, and what the model says.
    func insert(_ reading: Reading) throws -> (found: SeriesHeads.Outcome, expected: SeriesHeads.Outcome) {
      let ts = reading.ts.milliseconds
      try cover(reading.series, ts)
      let found = heads.insert(reading)
      if found == .appended || found == .inserted {
        rings.note(reading.series, ts: ts)
        unsealed.append(reading)
      }
      let place = reading.series.int
      if let there = model[place][ts] {
        let isSame = there.value == reading.value && Quality(byte: there.quality).code == reading.quality.code
        return (found, isSame ? .duplicate : .conflict)
      }
      let newest = model[place].keys.max() ?? .min
      model[place][ts] = (reading.value, reading.quality.byte)
      return (found, ts > newest ? .appended : .inserted)
    }

    func cover(_ series: SeriesID, _ t: Int64) throws {
      try history.bringBack(series, of: rings, into: &heads, for: t, reach: Self.reach, least: Self.least)
    }

    func seal(_ place: Int) throws {
      var hasMore = true
      while hasMore {
        let ring = rings.all[place]
        let rows = try file.read { db in try sealer.rows(of: ring, heads, db) }
        try file.commit { db in
          for row in rows.chunks { try ChunkTable.store(row.number, row.body, db) }
          for row in rows.rollups { try RollupTable.store(row.number, row.body, db) }
        }
        for row in rows.chunks {
          for series in row.series {
            if let spans = rings.sealedSpans(of: series, with: row.span) { rings.setSealedSpans(of: series, spans) }
          }
        }
        hasMore = rows.hasMore
        rings.sealed(place, spans: rows.spans)
      }
      history.forget()
      for series in rings.all[place].series {
        heads.setSealed(series)
        if let newest = heads.newest(series) { heads.trim(series, before: newest.milliseconds - Self.reach, least: Self.least) }
      }
      unsealed.removeAll { rings.place(of: $0.series) == place }
      rings.sealed(place, through: 0)
    }

    func restart() throws {
      heads = SeriesHeads()
      heads.addSeries(through: SeriesID(2))
      history.forget()
      for place in rings.all.indices { rings.sealed(place, through: 0) }
      for ring in rings.all where try file.read({ db in try ChunkTable.span(ring: ring.id, before: 1 << 31, db) }) != nil {
        for series in ring.series { heads.setUncovered(series) }
      }
      for reading in unsealed {
        _ = heads.insert(reading)
        rings.note(reading.series, ts: reading.ts.milliseconds)
      }
    }

    /// What an evaluation at `t` finds, where it differs from what it should.
    func problem(_ series: SeriesID, _ t: Int64) throws -> String? {
      try cover(series, t)
      let expected = model[series.int].sorted { $0.key < $1.key }.filter { $0.key <= t }
      var held = SeriesChunk()
      heads.copy(series, from: .min, to: t + 1, into: &held)
      let needed = max(expected.count { $0.key > t - Self.reach }, min(Self.least, expected.count))
      let (found, wanted) = (held.times.suffix(needed), expected.suffix(needed).map(\.key))
      if Array(found) != wanted { return "at \(t): \(Array(found)), not \(wanted)" }
      for (place, one) in zip(held.times.indices.suffix(needed), expected.suffix(needed)) {
        let isSame = held.column.values[place] == one.value.value && held.column.qualities[place] == one.value.quality
        if !isSame { return "at \(one.key): \(held.column.values[place]), not \(one.value)" }
      }
      let good = held.times.indices.last { Quality(byte: held.column.qualities[$0]).isGood }.map { held.column.values[$0] }
      let newest = good ?? heads.view(series.int).goodBefore
      let expectedGood = expected.last { Quality(byte: $0.value.quality).isGood }?.value.value
      return newest == expectedGood ?? .nan || newest.isNaN && expectedGood == nil
        ? nil : "the newest good value at \(t) is \(newest), not \(String(describing: expectedGood))"
    }

    /// Everything in chunks and heads, where it differs from the model.
    func problemOfAll() throws -> String? {
      for series in (0..<3).map({ SeriesID($0) }) {
        let ring = rings[of: series]
        var all = SeriesChunk()
        for span in try file.read({ db in try ChunkTable.spans(ring: ring.id, in: ChunkTable.everySpan, db) }) {
          let parts = try file.read { db in try ChunkTable.parts(ring: ring.id, span: span, db) }
          let part = try StoredSpan(parts, ring: ring, span: span).readings(of: series)
          if part.times.contains(where: { !ring.range(of: span).contains($0) }) { return "a reading of another span in span \(span)" }
          all = all.merged(with: part)
        }
        var held = SeriesChunk()
        heads.copy(series, from: .min, to: .max, into: &held)
        all = all.merged(with: held)
        let expected = model[series.int].sorted { $0.key < $1.key }
        if all.times != expected.map(\.key) || all.column.values != expected.map(\.value.value) {
          return "series \(series.int): other readings"
        }
      }
      return nil
    }
  }

  @Test func `Any order of readings, sealing, bringing back and restarts gives what a dictionary holds`() throws {
    for seed in Self.seed..<(Self.seed + 60) {
      var random = SeededGenerator(seed: seed)
      let shop = try Workshop()
      var clock: Int64 = 1_763_683_200_000
      for step in 0..<400 {
        clock += Int64.random(in: 0...120_000, using: &random)
        let series = SeriesID(Int.random(in: 0..<3, using: &random))
        switch Int.random(in: 0..<40, using: &random) {
        case 0: try shop.seal(Int.random(in: 0..<2, using: &random))
        case 1: try shop.restart()
        case 2...7:
          let t = clock - Int64.random(in: 0...20_000_000, using: &random)
          if let problem = try shop.problem(series, t) { Issue.record("seed \(seed), step \(step), series \(series.int): \(problem)") }
        default:
          let late = Int.random(in: 0..<6, using: &random) == 0 ? Int64.random(in: 0...20_000_000, using: &random) : 0
          let ts = (clock - late) / 15_000 * 15_000
          let isGood = Int.random(in: 0..<4, using: &random) != 0
          let reading = Reading(
            series: series, ts: Timestamp(milliseconds: ts), value: Double(Int.random(in: 0..<3, using: &random)),
            quality: isGood ? .measuring : .fault)
          let (found, expected) = try shop.insert(reading)
          #expect(found == expected, "seed \(seed), step \(step)")
        }
      }
      if let problem = try shop.problemOfAll() { Issue.record("seed \(seed): \(problem)") }
    }
  }

  @Test(arguments: [(60_000, 400 * 86_400_000, 86_400_000), (900_000, 400 * 86_400_000, 1_296_000_000), (60_000, 7_200_000, 900_000)])
  func `A span holds 1,440 readings, and no more than a sixteenth of retention`(
    interval: Milliseconds, retention: Milliseconds, expected: Milliseconds
  ) {
    #expect(Ring.length(interval: interval, retention: retention) == expected)
  }

  @Test func `Spans lie one after the other, before the epoch too, and a day begins at midnight in Vietnam`() {
    let ring = Ring(id: 0, length: 900_000)
    for ts in stride(from: Int64(-10_000_000), through: 10_000_000, by: 12_345) {
      #expect(ring.range(of: ring.span(of: ts)).contains(ts))
      #expect(ring.range(of: ring.span(of: ts)).upperBound == ring.range(of: ring.span(of: ts) + 1).lowerBound)
    }
    let day = Ring(id: 0, length: 86_400_000)
    let midnight = Timestamp(rfc3339: "2025-11-21T00:00:00+07:00")?.milliseconds ?? 0
    #expect(day.range(of: day.span(of: midnight)).lowerBound == midnight)
  }

  @Test func `A device's series are in one ring, with others of the same pace, and stay there`() throws {
    let series = (0..<400).map { StoredSeries(id: SeriesID($0), device: "d\($0 / 4)", metric: "m\($0 % 4)", registeredAt: nil) }
    func length(_ device: String) -> Milliseconds { device.hasSuffix("7") ? 900_000 : 1_800_000 }
    let first = try RingPlan(rings: [], series: series, length: length)
    for place in 0..<100 { #expect(Set(first.series[(place * 4)..<(place * 4 + 4)].map(\.ring)).count == 1) }
    for ring in first.rings.all {
      #expect(ring.series.count <= Ring.seriesMax)
      #expect(ring.series.allSatisfy { length(series[$0.int].device) == ring.length })
    }
    #expect(first.moved.count == 400 && first.added.count == 4)
    let more = first.series + [StoredSeries(id: SeriesID(400), device: "e", metric: "m", registeredAt: nil)]
    let second = try RingPlan(rings: first.added, series: more, length: length)
    #expect(second.moved == [SeriesID(400)] && Array(second.series.prefix(400)).map(\.ring) == first.series.map(\.ring))
  }
}
