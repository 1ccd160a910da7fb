package import Readings

/// A row of buckets: those of a ring's series over one span, as a row of chunks (ChunkRow.swift) in which each series has six columns:
/// count, sum, min, max, first and last, numbered from six times the series' number on. A bucket's ts is its start. Buckets without a
/// good reading are left out.
package struct RollupRow {
  private static let fields = 6
  /// By series, in order of time.
  package var buckets: [SeriesID: [Bucket]] = [:]

  package init() {}

  /// - Throws: `ChunkFault` where the bytes are not what was written.
  package init(_ bytes: UnsafeRawBufferPointer, number: Int64, of wanted: [SeriesID]) throws(ChunkFault) {
    var decoder = ChunkRowDecoder()
    unsafe try decoder.open(bytes, number: number)
    for series in wanted {
      var columns = [SeriesChunk](repeating: SeriesChunk(), count: Self.fields)
      for field in 0..<Self.fields { unsafe try decoder.read(Self.number(series, field), from: bytes, into: &columns[field]) }
      if columns[0].isEmpty { continue }
      guard columns.allSatisfy({ $0.times == columns[0].times }) else { throw .structure }
      buckets[series] = try Self.buckets(columns)
    }
  }

  private static func buckets(_ columns: [SeriesChunk]) throws(ChunkFault) -> [Bucket] {
    let values = columns.map(\.column.values)
    var all: [Bucket] = []
    all.reserveCapacity(columns[0].count)
    for (place, start) in columns[0].times.enumerated() {
      guard let count = Int64(exactly: values[0][place]), count > 0 else { throw .structure }
      all.append(
        Bucket(
          start: start, count: count, sum: values[1][place], min: values[2][place], max: values[3][place], first: values[4][place],
          last: values[5][place]))
    }
    return all
  }

  /// Puts these in place of what the series has in the range.
  package mutating func replace(_ series: SeriesID, in range: Range<Int64>, with new: [Bucket]) {
    let old = buckets[series] ?? []
    let before = old.prefix { $0.start < range.lowerBound }
    let after = old.drop { $0.start < range.upperBound }
    buckets[series] = before + new + after
  }

  /// - Parameter series: those of the ring, in order.
  /// - Returns: the row's bytes; nil where it has no bucket.
  package func encoded(_ series: [SeriesID], number: Int64, with encoder: inout ChunkRowEncoder) -> [UInt8]? {
    for one in series {
      guard let buckets = buckets[one], !buckets.isEmpty else { continue }
      let times = buckets.map(\.start)
      let good = [UInt8](repeating: 0, count: times.count)
      let columns = [buckets.map { Double($0.count) }, buckets.map(\.sum), buckets.map(\.min), buckets.map(\.max)]
      for (field, values) in (columns + [buckets.map(\.first), buckets.map(\.last)]).enumerated() {
        encoder.append(Self.number(one, field), SeriesChunk(times: times, column: ValueColumn(values: values, qualities: good)))
      }
    }
    return encoder.isEmpty ? nil : unsafe Array(encoder.finish(number: number))
  }

  private static func number(_ series: SeriesID, _ field: Int) -> SeriesID { SeriesID(series.int * fields + field) }
}
