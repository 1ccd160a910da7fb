import Foundation
import Readings
import SeriesStore
import Simulation

/// The chunk codec over the benchmark day: bytes a reading by domain, nanoseconds a reading to write and to read.
struct ChunkBench {
  /// Readings of a series in one chunk.
  static let chunk = 512
  static let seriesInRow = 96
  var scale: Double

  private struct Sum {
    var readings = 0
    var bytes = 0
  }

  func run() throws {
    say(Machine.heading("chunk: the codec, \(Self.chunk) readings a column"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let columns = try BenchDay.columns(scale: scale)
    var sums: [String: Sum] = [:]
    var encoder = Encoder()
    var decoder = Decoder()
    var chunks: [(bytes: [UInt8], count: Int)] = []
    for column in columns {
      for chunk in Self.cut(column.values) {
        chunks.append((encoder.encode(chunk), chunk.values.count))
        sums[column.domain, default: Sum()].readings += chunk.values.count
        sums[column.domain, default: Sum()].bytes += chunks[chunks.count - 1].bytes.count
      }
    }
    for chunk in chunks { try decoder.decode(chunk.bytes, count: chunk.count) }
    report(sums, columns.count)
    reportRows(columns)
    let readings = Double(sums.values.reduce(0) { $0 + $1.readings })
    say(
      "  written in \(Shown.decimals(Double(encoder.nanoseconds) / readings, 1)) ns a reading, read in \(Shown.decimals(Double(decoder.nanoseconds) / readings, 1)) ns"
    )
  }

  /// Whole rows, as a ring of devices that keep step has them for a day.
  private func reportRows(_ columns: [BenchDay.Column]) {
    var encoder = ChunkRowEncoder()
    var (bytes, readings, rows) = (0, 0, 0)
    let before = Machine.nanoseconds
    for start in stride(from: 0, to: columns.count, by: Self.seriesInRow) {
      for (place, column) in columns[start..<min(columns.count, start + Self.seriesInRow)].enumerated() {
        let times = column.values.indices.map { 1_763_658_000_000 + Int64($0) * 60_000 }
        let values = ValueColumn(values: column.values, qualities: [UInt8](repeating: 0, count: column.values.count))
        encoder.append(SeriesID(start + place), SeriesChunk(times: times, column: values))
        readings += column.values.count
      }
      bytes += encoder.finish(number: 0).count
      rows += 1
    }
    let nanoseconds = Double(Machine.nanoseconds - before) / Double(readings)
    say(
      "  whole rows of \(Self.seriesInRow) series and a day: \(Shown.decimals(Double(bytes) / Double(readings), 4)) bytes a reading, \(bytes / rows) bytes each, written in \(Shown.decimals(nanoseconds, 1)) ns a reading"
    )
  }

  private func report(_ sums: [String: Sum], _ series: Int) {
    for (domain, sum) in sums.sorted(by: { $0.key < $1.key }) {
      say("  \(domain): \(Shown.decimals(Double(sum.bytes) / Double(sum.readings), 3)) bytes a reading, \(sum.readings) readings")
    }
    let (readings, bytes) = sums.values.reduce((0, 0)) { ($0.0 + $1.readings, $0.1 + $1.bytes) }
    let each = Double(bytes) / Double(readings)
    Budgets.tell("chunk/payload", each, places: 4, ", \(series) series")
  }

  private static func cut(_ values: [Double]) -> [ValueColumn] {
    stride(from: 0, to: values.count, by: chunk).map { start in
      let part = Array(values[start..<min(values.count, start + chunk)])
      return ValueColumn(values: part, qualities: [UInt8](repeating: 0, count: part.count))
    }
  }

  /// Times the encoder alone.
  private struct Encoder: ~Copyable {
    private var encoder = ValueEncoder()
    private(set) var nanoseconds: Int64 = 0

    mutating func encode(_ chunk: ValueColumn) -> [UInt8] {
      let before = Machine.nanoseconds
      let bytes = encoder.encode(chunk)
      nanoseconds += Int64(Machine.nanoseconds - before)
      return Array(bytes)
    }
  }

  private struct Decoder: ~Copyable {
    private var decoder = ValueDecoder()
    private var chunk = ValueColumn()
    private(set) var nanoseconds: Int64 = 0

    mutating func decode(_ bytes: [UInt8], count: Int) throws {
      let before = Machine.nanoseconds
      try bytes.withUnsafeBytes { try decoder.decode($0, count: count, into: &chunk) }
      nanoseconds += Int64(Machine.nanoseconds - before)
    }
  }
}
