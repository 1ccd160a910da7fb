import Database
import GRDB
import Gateway
import Readings
import SeriesStore

/// Steps as the store tells them, from rollups where it can, against what its readings come to.
struct StoredBuckets: LogVisitor {
  private var rings = Rings()
  /// The readings that are not sealed.
  private var readings: [Reading] = []
  private var row: Int64 = 0

  /// Where they differ, in words; nil where they do not.
  static func fault(in store: GatewayStore) throws -> String? {
    try store.file.read { db in
      let series = try SeriesTable.all(db)
      var buckets = StoredBuckets()
      buckets.rings = try RingPlan(rings: ChunkTable.rings(db), series: series) { _ in 1 }.rings
      try SeriesLog.read(db, into: &buckets)
      var heads = SeriesHeads()
      if let last = series.last { heads.addSeries(through: last.id) }
      for reading in buckets.readings { _ = heads.insert(reading) }
      for ring in buckets.rings.all where !ring.series.isEmpty {
        for resolution in Resolution.allCases {
          if let fault = try buckets.fault(in: ring, heads, resolution, db) { return fault }
        }
      }
      return nil
    }
  }

  mutating func begins(row: Int64) { self.row = row }

  mutating func reading(_ reading: Reading) {
    guard row > rings[of: reading.series].sealedThrough else { return }
    readings.append(reading)
    rings.note(reading.series, ts: reading.ts.milliseconds)
  }

  private func fault(in ring: Ring, _ heads: borrowing SeriesHeads, _ resolution: Resolution, _ db: GRDB.Database) throws -> String? {
    let query = BucketQuery(of: ring.series, in: ring, rings, heads, range: Int64.min..<Int64.max, steps: resolution.steps)
    var told = ring.series.map { _ in [Bucket]() }
    for window in query.windows {
      for (place, buckets) in try query.buckets(in: window, db).enumerated() { told[place] += buckets }
    }
    var builders = ring.series.map { _ in BucketBuilder(resolution.steps) }
    for span in try ring.spans(with: Int64.min..<Int64.max, db) {
      let stored = try StoredSpan(try ChunkTable.parts(ring: ring.id, span: span, db), ring: ring, span: span)
      for (place, series) in ring.series.enumerated() {
        builders[place].add(try stored.readings(of: series, heads, in: ring.range(of: span)))
      }
    }
    for (place, series) in ring.series.enumerated() {
      let expected = builders[place].finish()
      if told[place] != expected {
        return "the \(resolution.name) of series \(series.index) are \(told[place].prefix(3))\nexpected \(expected.prefix(3))"
      }
    }
    return nil
  }
}
