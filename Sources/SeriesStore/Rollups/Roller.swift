package import GRDB
package import Readings

/// What the good readings of one span of a ring come to, of every series that has any there.
package struct RolledSpan: Sendable {
  package var range: Range<Int64>
  package var buckets: [SeriesID: [Bucket]] = [:]
}

/// A rollup row that is to be written.
package struct RolledRow: Sendable {
  package var number: Int64
  package var body: [UInt8]
}

/// Makes the rollup rows of a ring anew where readings were added: quarter hours from all readings of the spans, hours from quarter hours,
/// days from hours. So each bucket is what its readings say, however late one of them came.
package struct Roller: ~Copyable {
  private var encoder = ChunkRowEncoder()

  package init() {}

  /// - Parameter spans: in order, of whole quarter hours.
  /// - Returns: the rows of all resolutions.
  /// - Throws: `StoreError.damaged` where a row is not what was written, and the database's errors.
  package mutating func rows(of ring: Ring, _ spans: [RolledSpan], _ db: GRDB.Database) throws -> [RolledRow] {
    var result: [RolledRow] = []
    var changed = spans
    for resolution in Resolution.allCases {
      var next: [RolledSpan] = []
      for (row, spans) in Self.byRow(changed, resolution) {
        let range = resolution.rows.range(row)
        var all = RollupRow()
        if spans.count != 1 || spans[0].range != range, let stored = try RollupTable.stored(resolution, ring: ring.id, row: row, db) {
          all = try stored.buckets(of: ring.series)
        }
        for span in spans {
          for series in ring.series { all.replace(series, in: span.range, with: span.buckets[series] ?? []) }
        }
        let number = RollupTable.number(resolution, ring: ring.id, row: row)
        if let body = all.encoded(ring.series, number: number, with: &encoder) { result.append(RolledRow(number: number, body: body)) }
        if let coarser = resolution.coarser { next += Self.coarser(all, spans.map(\.range), coarser.steps) }
      }
      changed = next
    }
    return result
  }

  /// A row made anew of what is finer: of readings, or of the next finer buckets. What is not sealed is rolled up when it is.
  ///
  /// - Returns: its bytes; nil where it has no bucket.
  /// - Throws: `StoreError.damagedRow` where what is finer is not what was written, and the database's errors.
  package mutating func remade(_ resolution: Resolution, row: Int64, of ring: Ring, _ db: GRDB.Database) throws -> [UInt8]? {
    let range = resolution.rows.range(row)
    var builders = ring.series.map { _ in BucketBuilder(resolution.steps) }
    if let finer = resolution.finer {
      for stored in try RollupTable.stored(finer, ring: ring.id, in: range, db) {
        let row = try stored.buckets(of: ring.series)
        for (place, series) in ring.series.enumerated() {
          for bucket in row.buckets[series] ?? [] where range.contains(bucket.start) { builders[place].add(bucket) }
        }
      }
    } else {
      for span in try ChunkTable.spans(ring: ring.id, in: ring.span(of: range.lowerBound)...ring.span(of: range.upperBound - 1), db) {
        let stored = try StoredSpan(ChunkTable.parts(ring: ring.id, span: span, db), ring: ring, span: span)
        for (place, series) in ring.series.enumerated() { builders[place].add(try stored.readings(of: series), in: range) }
      }
    }
    var all = RollupRow()
    for (place, series) in ring.series.enumerated() { all.buckets[series] = builders[place].finish() }
    return all.encoded(ring.series, number: RollupTable.number(resolution, ring: ring.id, row: row), with: &encoder)
  }

  /// The parts of the spans that each row covers.
  private static func byRow(_ spans: [RolledSpan], _ resolution: Resolution) -> [(row: Int64, spans: [RolledSpan])] {
    var rows: [(row: Int64, spans: [RolledSpan])] = []
    for span in spans {
      let numbers = resolution.rows.number(of: span.range.lowerBound)...resolution.rows.number(of: span.range.upperBound - 1)
      for row in numbers {
        let range = resolution.rows.range(row).clamped(to: span.range)
        let part = RolledSpan(
          range: range, buckets: range == span.range ? span.buckets : span.buckets.mapValues { $0.filter { range.contains($0.start) } })
        if rows.last?.row == row { rows[rows.count - 1].spans.append(part) } else { rows.append((row, [part])) }
      }
    }
    return rows
  }

  /// The coarser buckets that these ranges touch, made of all their finer ones.
  private static func coarser(_ row: RollupRow, _ ranges: [Range<Int64>], _ steps: Steps) -> [RolledSpan] {
    var touched: [Range<Int64>] = []
    for range in ranges.map(steps.rounded) {
      if let last = touched.last, last.upperBound >= range.lowerBound {
        touched[touched.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        touched.append(range)
      }
    }
    return touched.map { range in
      var span = RolledSpan(range: range)
      for (series, buckets) in row.buckets {
        var builder = BucketBuilder(steps)
        for bucket in buckets where range.contains(bucket.start) { builder.add(bucket) }
        let made = builder.finish()
        if !made.isEmpty { span.buckets[series] = made }
      }
      return span
    }
  }
}
