import Database
package import GRDB
package import Readings

/// A chunk row that is to be written.
package struct SealedRow: Sendable {
  package var number: Int64
  package var span: Int64
  package var series: [SeriesID] = []
  /// Of each of them, how many there are in the span.
  package var readings: [Int] = []
  package var body: [UInt8] = []
  /// Of the row that it takes the place of.
  package var bytesBefore = 0
}

/// What is to be written for a ring.
package struct SealedRows: Sendable {
  /// The spans that they are of.
  package var spans: [Int64] = []
  package var chunks: [SealedRow] = []
  package var rollups: [RolledRow] = []
  /// There are others of which something is not sealed.
  package var hasMore = false
  /// By so many bytes the ring grows.
  package var growth: Int64 { chunks.reduce(0) { $0 + Int64($1.body.count - $1.bytesBefore) } }
  package init() {}
}

/// Makes the chunk rows of a ring, from what stands in them and what heads have that is not sealed, and the rollup rows that follow.
package struct Sealer: ~Copyable {
  /// Of a device that sends what it has kept for weeks there may be hundreds: so many at a time.
  private static let spansMax = 16
  private var encoder = ChunkRowEncoder()
  private var roller = Roller()

  package init() {}

  /// - Throws: `StoreError.damaged` where a row is not what was written, and the database's errors.
  package mutating func rows(of ring: Ring, _ heads: borrowing SeriesHeads, _ db: GRDB.Database) throws -> SealedRows {
    var result = SealedRows()
    result.spans = ring.dirty(atMost: Self.spansMax)
    result.hasMore = result.spans.count < ring.dirty.count
    var rolled: [RolledSpan] = []
    for span in result.spans {
      let sealed = try seal(span, of: ring, heads, db)
      guard let row = sealed.row else { continue }
      result.chunks.append(row)
      rolled.append(sealed.rolled)
    }
    result.rollups = try roller.rows(of: ring, rolled, db)
    return result
  }

  private mutating func seal(
    _ span: Int64, of ring: Ring, _ heads: borrowing SeriesHeads, _ db: GRDB.Database
  ) throws -> (row: SealedRow?, rolled: RolledSpan) {
    let (number, old) = try ChunkTable.lastPart(ring: ring.id, span: span, db)
    let part = try StoredSpan(old.map { [ChunkTable.Part(number: number, body: $0)] } ?? [], ring: ring, span: span)
    let others = try StoredSpan(try ChunkTable.parts(ring: ring.id, span: span, before: number, db), ring: ring, span: span)
    let range = ring.range(of: span)
    var row = SealedRow(number: number, span: span, bytesBefore: old?.count ?? 0)
    var rolled = RolledSpan(range: range)
    var builder = BucketBuilder(Resolution.quarterHour.steps)
    for series in ring.series {
      let all = try part.readings(of: series, heads, in: range, unsealed: true)
      let whole = others.isEmpty ? all : try others.readings(of: series).merged(with: all)
      builder.add(whole)
      rolled.buckets[series] = builder.finish()
      if all.isEmpty { continue }
      encoder.append(series, all)
      row.series.append(series)
      row.readings.append(whole.count)
    }
    if encoder.isEmpty { return (nil, rolled) }
    row.body = unsafe Array(encoder.finish(number: number))
    return (row, rolled)
  }
}
