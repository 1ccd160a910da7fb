package import Readings

/// A row of buckets: those of a ring's series over one span, as a row of chunks (ChunkRow.swift) in which each series has three columns,
/// numbered from three times the series' number on:
///
///     0  counts; a bucket's ts is its start
///     1  sums; the same
///     2  the least of all buckets, then the greatest, then the first and the last; the ts is the place, from 0 on
///
/// Buckets without a good reading are left out.
package struct RollupRow {
  private enum Field: Int, CaseIterable { case counts, sums, values }

  /// By series, in order of time.
  package var buckets: [SeriesID: [Bucket]] = [:]

  package init() {}

  /// - Throws: `ChunkFault` where the bytes are not what was written.
  package init(_ bytes: UnsafeRawBufferPointer, number: Int64, of wanted: [SeriesID]) throws(ChunkFault) {
    var decoder = ChunkRowDecoder()
    unsafe try decoder.open(bytes, number: number)
    for series in wanted {
      var (counts, sums, values) = (SeriesChunk(), SeriesChunk(), SeriesChunk())
      unsafe try decoder.read(Self.number(series, .counts), from: bytes, into: &counts)
      if counts.isEmpty { continue }
      unsafe try decoder.read(Self.number(series, .sums), from: bytes, into: &sums)
      unsafe try decoder.read(Self.number(series, .values), from: bytes, into: &values)
      guard sums.times == counts.times, values.count == 4 * counts.count else { throw .structure }
      buckets[series] = try Self.buckets(counts, sums.column.values, values.column.values)
    }
  }

  private static func buckets(_ counts: SeriesChunk, _ sums: [Double], _ values: [Double]) throws(ChunkFault) -> [Bucket] {
    var all: [Bucket] = []
    all.reserveCapacity(counts.count)
    for (place, start) in counts.times.enumerated() {
      guard let count = Int64(exactly: counts.column.values[place]), count > 0 else { throw .structure }
      all.append(
        Bucket(
          start: start, count: count, sum: sums[place], min: values[place], max: values[counts.count + place],
          first: values[2 * counts.count + place], last: values[3 * counts.count + place]))
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
      append(one, .counts, times, buckets.map { Double($0.count) }, to: &encoder)
      append(one, .sums, times, buckets.map(\.sum), to: &encoder)
      let values = buckets.map(\.min) + buckets.map(\.max) + buckets.map(\.first) + buckets.map(\.last)
      append(one, .values, (0..<values.count).map { Int64($0) }, values, to: &encoder)
    }
    return encoder.isEmpty ? nil : unsafe Array(encoder.finish(number: number))
  }

  private func append(_ series: SeriesID, _ field: Field, _ times: [Int64], _ values: [Double], to encoder: inout ChunkRowEncoder) {
    let good = [UInt8](repeating: Quality.measuring.byte, count: times.count)
    encoder.append(Self.number(series, field), SeriesChunk(times: times, column: ValueColumn(values: values, qualities: good)))
  }

  private static func number(_ series: SeriesID, _ field: Field) -> SeriesID {
    SeriesID(series.int * Field.allCases.count + field.rawValue)
  }
}
