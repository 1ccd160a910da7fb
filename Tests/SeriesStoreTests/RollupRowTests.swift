import Database
import Foundation
import GRDB
import Readings
import SeriesStore
import TestSupport
import Testing

/// Rows of buckets: what is written is read, where it was put, and what is damaged is refused.
@Suite struct RollupRowTests {
  private static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)
  private static let pool: [Double] = [
    0, 1, -1, 42.5, 1e9, 0.001, 1 / 3, .leastNonzeroMagnitude, 0x1p53, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
  ]

  private static func bucket(at start: Int64, _ random: inout SeededGenerator) -> Bucket {
    func value() -> Double {
      Bool.random(using: &random) ? pool.randomElement(using: &random) ?? 0 : Double(Int.random(in: -9999...9999, using: &random)) / 100
    }
    return Bucket(
      start: start, count: Int64.random(in: 1...1_000_000, using: &random), sum: value(), min: value(), max: value(), first: value(),
      last: value())
  }

  /// Some buckets of some series.
  private static func row(_ resolution: Resolution, in range: Range<Int64>, _ random: inout SeededGenerator) -> [SeriesID: [Bucket]] {
    var all: [SeriesID: [Bucket]] = [:]
    for series in 0..<Int.random(in: 1...9, using: &random) where series == 0 || Int.random(in: 0..<3, using: &random) > 0 {
      let often = Int.random(in: 1...4, using: &random)
      let starts = stride(from: range.lowerBound, to: range.upperBound, by: Int(resolution.length)).filter { _ in
        Int.random(in: 0..<often, using: &random) == 0
      }
      if !starts.isEmpty { all[SeriesID(series * 700)] = starts.map { bucket(at: $0, &random) } }
    }
    return all
  }

  private static let series = (0..<9).map { SeriesID($0 * 700) }

  private static func encode(_ buckets: [SeriesID: [Bucket]], number: Int64) -> [UInt8]? {
    var encoder = ChunkRowEncoder()
    var row = RollupRow()
    row.buckets = buckets
    return row.encoded(series, number: number, with: &encoder)
  }

  private static func decode(_ bytes: [UInt8], number: Int64) throws -> [SeriesID: [Bucket]] {
    try bytes.withUnsafeBytes { try RollupRow($0, number: number, of: series).buckets }
  }

  @Test(arguments: Resolution.allCases) func `A row gives back what was written`(_ resolution: Resolution) throws {
    for seed in Self.seed..<(Self.seed + 60) {
      var random = SeededGenerator(seed: seed)
      let number = Int64.random(in: 0...Int64.max, using: &random)
      let start = resolution.rowStart(of: Int64.random(in: 0...253_402_300_799_999, using: &random))
      let row = Self.row(resolution, in: start..<(start + 86_400_000 * 2), &random)
      guard let bytes = Self.encode(row, number: number) else {
        #expect(row.isEmpty)
        continue
      }
      #expect(try Self.decode(bytes, number: number) == row, "seed \(seed)")
    }
    #expect(Self.encode([:], number: 1) == nil && Self.encode([SeriesID(0): []], number: 1) == nil)
  }

  @Test func `New buckets take the place of those in their range alone`() {
    var random = SeededGenerator(seed: Self.seed)
    let one = SeriesID(1)
    let all = (0..<8).map { Self.bucket(at: $0 * 900_000, &random) }
    for from in 0...8 {
      for to in from...8 {
        var row = RollupRow()
        row.buckets[one] = all
        let new = (from..<to).filter { $0 % 2 == 0 }.map { Self.bucket(at: Int64($0) * 900_000, &random) }
        row.replace(one, in: Int64(from) * 900_000..<Int64(to) * 900_000, with: new)
        #expect(row.buckets[one] == Array(all[..<from]) + new + Array(all[to...]))
      }
    }
  }

  @Test func `A row of which a byte is wrong or missing, or that is another's, is refused`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let buckets = [SeriesID(0): (0..<5).map { Self.bucket(at: $0 * 900_000, &random) }, SeriesID(700): [Self.bucket(at: 0, &random)]]
    let bytes = try #require(Self.encode(buckets, number: 7))
    for place in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[place] ^= 1 << UInt8(bit)
        #expect(throws: ChunkFault.self) { try Self.decode(damaged, number: 7) }
      }
      #expect(throws: ChunkFault.self) { try Self.decode(Array(bytes[..<place]), number: 7) }
    }
    #expect(throws: ChunkFault.self) { try Self.decode(bytes, number: 8) }
    #expect(throws: StoreError.self) {
      try RollupTable.Stored(number: 8, body: Data(bytes)).buckets(of: Self.series)
    }
  }

  /// The checksum fits, and what it covers is nonsense: that is read or refused, and nothing traps.
  @Test func `Bytes that nobody wrote under a checksum that fits stop nothing`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let buckets = [SeriesID(0): (0..<5).map { Self.bucket(at: $0 * 900_000, &random) }, SeriesID(700): [Self.bucket(at: 0, &random)]]
    let bytes = try #require(Self.encode(buckets, number: 7))
    var refused = 0
    for place in bytes.indices.dropFirst(5) {
      for byte in [0, 1, 0x7f, 0x80, 0xff, bytes[place] &+ 1, bytes[place] ^ 0x10] {
        var damaged = bytes
        damaged[place] = byte
        do { _ = try Self.decode(ChunkRow.sealed(damaged, number: 7), number: 7) } catch { refused += 1 }
      }
    }
    for length in bytes.indices {
      do { _ = try Self.decode(ChunkRow.sealed(Array(bytes[..<length]), number: 7), number: 7) } catch { refused += 1 }
    }
    #expect(refused > bytes.count)
  }

  @Test func `Rows stand in order of time in the ring and resolution that they were put in, and go from the old end`() throws {
    let directory = try TemporaryDirectory()
    let file = try StoreFile(directory: directory.path, durability: .normal, migrations: SeriesSchema.migrations)
    let days: [Int64] = [-3, 0, 1, 40, 20_000]
    for resolution in Resolution.allCases {
      for ring in [0, 1, (1 << 20) - 1] as [Int64] {
        try file.commit { db in
          for row in days.shuffled() {
            let number = RollupTable.number(resolution, ring: ring, row: row)
            try RollupTable.store(number, [UInt8(resolution.rawValue), UInt8(ring & 0xff), UInt8(truncatingIfNeeded: row)], db)
          }
        }
      }
    }
    func rows(_ resolution: Resolution, _ ring: Int64, _ range: Range<Int64>, limit: Int = .max) throws -> [Int64] {
      try file.read { db in try RollupTable.stored(resolution, ring: ring, in: range, limit: limit, db) }.map {
        #expect($0.body[0] == UInt8(resolution.rawValue) && $0.body[1] == UInt8(ring & 0xff))
        return RollupTable.range(of: $0, resolution).lowerBound
      }
    }
    let always = -Int64(1 << 50)..<Int64(1 << 50)
    for resolution in Resolution.allCases {
      func start(_ row: Int64) -> Int64 { resolution.rows.range(row).lowerBound }
      #expect(try rows(resolution, 1, always) == days.map(start))
      #expect(try rows(resolution, 1, start(0)..<(start(1) + 1)) == [start(0), start(1)])
      #expect(try rows(resolution, 1, start(0)..<start(1)) == [start(0)])
      #expect(try rows(resolution, 1, start(2)..<start(40_000), limit: 1) == [start(40)])
      #expect(try rows(resolution, 1, start(0)..<start(0)).isEmpty)
      try file.commit { db in try RollupTable.remove(resolution, ring: 1, before: start(40), db) }
      #expect(try rows(resolution, 1, always) == [start(40), start(20_000)])
      #expect(try rows(resolution, 0, always) == days.map(start) && rows(resolution, (1 << 20) - 1, always) == days.map(start))
    }
  }
}
