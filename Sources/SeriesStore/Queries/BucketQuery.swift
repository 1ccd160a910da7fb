package import GRDB
package import Readings

/// Buckets of some series of one ring, from the coarsest rollup that answers exactly.
///
/// Where everything is sealed a bucket is made of the rollup's; where something is not, of the next finer rollup's, and at last of readings.
/// So it is always what the readings say. Rows are read once for all series.
package struct BucketQuery {
  private let ring: Ring
  private let series: [SeriesID]
  /// What is not sealed of each, and maybe more.
  private let held: [SeriesChunk]
  private let db: GRDB.Database
  private var builders: [BucketBuilder]

  /// - Parameters:
  ///   - series: of the ring.
  ///   - held: of each of them the readings in the range that are not sealed; others may be among them.
  ///   - range: is widened to whole steps.
  /// - Returns: the buckets of each of the series, in order of time; those without a good reading are left out.
  /// - Throws: `StoreError.damaged` where a row is not what was written, and the database's errors.
  package static func buckets(
    of series: [SeriesID], in ring: Ring, held: [SeriesChunk], range: Range<Int64>, steps: Steps, _ db: GRDB.Database
  ) throws -> [[Bucket]] {
    var query = BucketQuery(ring: ring, series: series, held: held, db: db, builders: series.map { _ in BucketBuilder(steps) })
    try query.collect(steps.rounded(range), Resolution.coarsest(for: steps.length))
    return query.builders.indices.map { query.builders[$0].finish() }
  }

  /// - Parameter range: of whole buckets of the resolution; nil: readings.
  private mutating func collect(_ range: Range<Int64>, _ resolution: Resolution?) throws {
    if range.isEmpty { return }
    guard let resolution else { return try addReadings(range) }
    var from = range.lowerBound
    for unsealed in ring.unsealed(in: range, steps: resolution.steps) {
      try addBuckets(from..<max(from, unsealed.lowerBound), resolution)
      try collect(unsealed, resolution.finer)
      from = unsealed.upperBound
    }
    try addBuckets(from..<max(from, range.upperBound), resolution)
  }

  private mutating func addBuckets(_ range: Range<Int64>, _ resolution: Resolution) throws {
    // A row at a time: the rows of years are not in memory at once.
    var rest = range
    while !rest.isEmpty, let stored = try RollupTable.stored(resolution, ring: ring.id, in: rest, limit: 1, db).first {
      let row = try stored.buckets(of: series)
      for (place, one) in series.enumerated() {
        for bucket in row.buckets[one] ?? [] where rest.contains(bucket.start) { builders[place].add(bucket) }
      }
      let end = RollupTable.range(of: stored, resolution).upperBound
      rest = end..<max(range.upperBound, end)
    }
  }

  private mutating func addReadings(_ range: Range<Int64>) throws {
    for span in try ring.spans(with: range, db) {
      let stored = try StoredSpan(try ChunkTable.parts(ring: ring.id, span: span, db), ring: ring, span: span)
      let within = ring.range(of: span).clamped(to: range)
      for (place, one) in series.enumerated() {
        let unsealed = held[place].part(from: within.lowerBound, to: within.upperBound)
        let sealed = try stored.readings(of: one)
        builders[place].add(unsealed.isEmpty ? sealed : sealed.merged(with: unsealed), in: within)
      }
    }
  }
}

extension Ring {
  /// The whole steps of the range in which something is not sealed, in order, those that touch put together.
  fileprivate func unsealed(in range: Range<Int64>, steps: Steps) -> [Range<Int64>] {
    var all: [Range<Int64>] = []
    for span in dirty.sorted() {
      let touched = steps.rounded(self.range(of: span).clamped(to: range))
      if touched.isEmpty { continue }
      if let last = all.last, last.upperBound >= touched.lowerBound {
        all[all.count - 1] = last.lowerBound..<max(last.upperBound, touched.upperBound)
      } else {
        all.append(touched)
      }
    }
    return all
  }

  /// The spans that have anything in the range, sealed or not, in order.
  package func spans(with range: Range<Int64>, _ db: GRDB.Database) throws -> [Int64] {
    if range.isEmpty { return [] }
    let spans = span(of: range.lowerBound)...span(of: range.upperBound - 1)
    return Set(try ChunkTable.spans(ring: id, in: spans, db)).union(dirty.filter { spans.contains($0) }).sorted()
  }
}
