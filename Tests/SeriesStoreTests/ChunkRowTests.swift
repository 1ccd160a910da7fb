import Foundation
import Readings
import SeriesStore
import TestSupport
import Testing

/// Rows of chunks: what is written is read, and what is damaged is refused.
@Suite struct ChunkRowTests {
  private static let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)

  /// Devices of one to four metrics that mostly keep step; some readings late, missing, faulty or without a value.
  private static func row(_ random: inout SeededGenerator) -> [(series: SeriesID, chunk: SeriesChunk)] {
    var row: [(series: SeriesID, chunk: SeriesChunk)] = []
    var series = random.below(1000)
    for _ in 0...random.below(6) {
      let start = Int64(random.below(1 << 40))
      let count = 1 + random.below(random.chance(0.1) ? 3 : 800)
      let regular = (0..<count).map { start + Int64($0) * 60_000 }
      for _ in 0...random.below(4) {
        series += 1 + random.below(random.chance(0.2) ? 1000 : 1)
        let times = random.chance(0.8) ? regular : regular.filter { _ in random.chance(0.9) }.map { $0 + Int64(random.below(50_000)) }
        if times.isEmpty { continue }
        let decimals = random.chance(0.1) ? 17 : random.below(4)
        let values = times.map { _ in
          random.chance(0.02) ? .nan : (Double(random.below(10_000)) * pow(10, Double(-decimals)) * (random.chance(0.1) ? -1 : 1))
        }
        let qualities = values.map { _ in UInt8(random.chance(0.03) ? random.below(100) : 0) }
        row.append((SeriesID(series), SeriesChunk(times: times, column: ValueColumn(values: values, qualities: qualities))))
      }
    }
    return row.isEmpty ? [(SeriesID(1), SeriesChunk(times: [5], column: ValueColumn(values: [1], qualities: [0])))] : row
  }

  private static func encode(_ row: [(series: SeriesID, chunk: SeriesChunk)], number: Int64 = 3) -> [UInt8] {
    var encoder = ChunkRowEncoder()
    for (series, chunk) in row { encoder.append(series, chunk) }
    return Array(encoder.finish(number: number))
  }

  private static func decode(_ bytes: [UInt8], number: Int64 = 3) throws -> [(series: SeriesID, chunk: SeriesChunk)] {
    var decoder = ChunkRowDecoder()
    return try bytes.withUnsafeBytes { bytes in
      try decoder.open(bytes, number: number)
      return try decoder.series.map { series in
        var chunk = SeriesChunk()
        try decoder.read(series, from: bytes, into: &chunk)
        return (series, chunk)
      }
    }
  }

  private static func isSame(_ a: SeriesChunk, _ b: SeriesChunk) -> Bool {
    a.times == b.times && a.column.qualities == b.column.qualities
      && zip(a.column.values, b.column.values).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
  }

  @Test func `A row gives back what was written`() throws {
    for seed in Self.seed..<(Self.seed + 200) {
      var random = SeededGenerator(seed: seed)
      let row = Self.row(&random)
      let again = try Self.decode(Self.encode(row))
      #expect(again.map(\.series) == row.map(\.series), "seed \(seed)")
      #expect(zip(again, row).allSatisfy { Self.isSame($0.chunk, $1.chunk) }, "seed \(seed)")
    }
  }

  @Test func `A series that is not in a row has nothing there, and one in two columns goes on`() throws {
    let count = 70_000
    let times = (0..<count).map { Int64($0) * 7 }
    let long = SeriesChunk(
      times: times, column: ValueColumn(values: times.map { Double($0 % 90) }, qualities: [UInt8](repeating: 0, count: count)))
    let again = try Self.decode(Self.encode([(SeriesID(4), long), (SeriesID(9), long)]))
    #expect(again.map(\.series) == [SeriesID(4), SeriesID(9)])
    #expect(again.allSatisfy { Self.isSame($0.chunk, long) })
    var decoder = ChunkRowDecoder()
    var chunk = SeriesChunk()
    try Self.encode([(SeriesID(4), long)]).withUnsafeBytes { bytes in
      try decoder.open(bytes, number: 3)
      try decoder.read(SeriesID(5), from: bytes, into: &chunk)
    }
    #expect(chunk.count == 0)
  }

  @Test func `A row of which a bit is wrong, or that is another's, is refused`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let bytes = Self.encode(Array(Self.row(&random).prefix(3)))
    for _ in 0..<2000 {
      var damaged = bytes
      damaged[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
      #expect(throws: ChunkFault.self) { try Self.decode(damaged) }
    }
    for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 300)) {
      #expect(throws: ChunkFault.self) { try Self.decode(Array(bytes[..<length])) }
    }
    #expect(throws: ChunkFault.self) { try Self.decode(bytes, number: 4) }
  }

  @Test func `Devices that keep step have one column of times`() {
    let times = (0..<1440).map { Int64($0) * 60_000 + Int64($0 * $0 % 977) }
    let flat = SeriesChunk(
      times: times, column: ValueColumn(values: times.map { _ in 5 }, qualities: [UInt8](repeating: 0, count: times.count)))
    let (one, ten) = (Self.encode([(SeriesID(0), flat)]).count, Self.encode((0..<10).map { (SeriesID($0), flat) }).count)
    #expect(ten - one < 9 * 12)
  }
}

extension SeededGenerator {
  fileprivate mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }
  fileprivate mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &self) < share }
}
