package import GRDB
package import Readings

/// What is asked of some series of one ring: buckets, each from the coarsest rollup that answers exactly.
package struct BucketQuery: Sendable {
  /// A read is over before it holds anybody up.
  private static let windowLength: Milliseconds = 32 * 86_400_000

  private let ring: Ring
  private let series: [SeriesID]
  private let held: [SeriesChunk]
  private let steps: Steps
  /// Whole steps.
  package private(set) var range: Range<Int64>

  /// - Parameters:
  ///   - series: of the ring.
  ///   - heads: have all readings that are not sealed.
  ///   - range: is widened to whole steps, of those in which there is anything.
  package init(
    of series: [SeriesID], in ring: Ring, _ rings: Rings, _ heads: borrowing SeriesHeads, range: Range<Int64>, steps: Steps
  ) {
    (self.ring, self.series, self.steps) = (ring, series, steps)
    var all: Range<Int64>?
    for one in series {
      guard let extent = rings.extent(of: one, unsealed: heads.unsealedExtent(one)) else { continue }
      all = all.map { min($0.lowerBound, extent.lowerBound)..<max($0.upperBound, extent.upperBound) } ?? extent
    }
    let whole = steps.rounded((all ?? 0..<0).clamped(to: steps.rounded(range)))
    self.range = whole
    var held: [SeriesChunk] = []
    for one in series { held.append(heads.unsealed(one, in: whole)) }
    self.held = held
  }

  /// Of the first `count` steps alone.
  package mutating func limit(steps count: Int) {
    let (length, isBeyondAll) = steps.length.multipliedReportingOverflow(by: Milliseconds(count))
    if isBeyondAll || length >= range.upperBound - range.lowerBound { return }
    range = range.lowerBound..<(range.lowerBound + length)
  }

  /// The range in parts that are read one after the other.
  package var windows: [Range<Int64>] { steps.windows(of: range, atLeast: Self.windowLength) }

  /// - Parameter window: one of `windows`.
  /// - Returns: the buckets of each of the series, in order of time; those without a good reading are left out.
  /// - Throws: `StoreError.damaged` where a row is not what was written, and the database's errors.
  package func buckets(in window: Range<Int64>, _ db: GRDB.Database) throws -> [[Bucket]] {
    var reader = BucketReader(ring: ring, series: series, held: held, db: db, builders: [])
    let most = Int(clamping: (window.upperBound - window.lowerBound) / steps.length)
    reader.builders = series.map { _ in BucketBuilder(steps, expecting: min(most, 1024)) }
    try reader.collect(window, Resolution.coarsest(for: steps.length))
    return reader.builders.indices.map { reader.builders[$0].finish() }
  }
}

extension Rings {
  /// From before the first to after the last reading of a series; nil where it has none.
  ///
  /// - Parameter unsealed: `SeriesHeads.unsealedExtent`.
  package func extent(of series: SeriesID, unsealed: Range<Int64>?) -> Range<Int64>? {
    guard let spans = sealedSpans(of: series) else { return unsealed }
    let ring = self[of: series]
    let sealed = ring.range(of: spans.lowerBound).lowerBound..<ring.range(of: spans.upperBound).upperBound
    return unsealed.map { min(sealed.lowerBound, $0.lowerBound)..<max(sealed.upperBound, $0.upperBound) } ?? sealed
  }
}

/// Where everything is sealed a bucket is made of the rollup's; where something is not, of the next finer rollup's, and at last of readings.
/// So it is always what the readings say. Rows are read once for all series.
private struct BucketReader {
  let ring: Ring
  let series: [SeriesID]
  let held: [SeriesChunk]
  let db: GRDB.Database
  var builders: [BucketBuilder]

  /// - Parameter range: of whole buckets of the resolution; nil: readings.
  mutating func collect(_ range: Range<Int64>, _ resolution: Resolution?) throws {
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
      rest = end..<max(end, range.upperBound)
    }
  }

  private mutating func addReadings(_ range: Range<Int64>) throws {
    var sealed = SeriesChunk()
    for span in try ring.spans(with: range, db) {
      let stored = try StoredSpan(try ChunkTable.parts(ring: ring.id, span: span, db), ring: ring, span: span)
      let within = ring.range(of: span).clamped(to: range)
      for (place, one) in series.enumerated() {
        let unsealed = held[place].part(from: within.lowerBound, to: within.upperBound)
        try stored.read(one, into: &sealed)
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
