import Database
import DeviceRegistry
package import Readings
package import SeriesStore

/// What is stored of the registered series: what heads hold is asked of the writer, the rest read beside it.
extension GatewayService {
  /// The readings of a series in [from, to), oldest first, at most `limit`. Nil where no such series is registered.
  ///
  /// - Throws: `StoreError`.
  package func points(device: String, metric: String, from: Timestamp, to: Timestamp, limit: Int) async throws -> [Reading]? {
    // First what is in memory: what is sealed meanwhile is then in both.
    guard let held = await writer.held(device: device, metric: metric, from: from, to: to, limit: limit) else { return nil }
    let wanted = from.milliseconds..<max(from.milliseconds, min(to.milliseconds, held.coveredFrom))
    let sealed =
      wanted.isEmpty ? SeriesChunk() : try await settingAside { try await self.sealed(held.series, held.ring, in: wanted, limit: limit) }
    let all = sealed.merged(with: held.chunk)
    return (0..<min(limit, all.count)).map { place in
      Reading(
        series: held.series, ts: Timestamp(milliseconds: all.times[place]), value: all.column.values[place],
        quality: Quality(byte: all.column.qualities[place]))
    }
  }

  /// What is read; where a row cannot be, the writer sets it aside, which tells of a gap, and the rest is read.
  private func settingAside<T>(_ read: () async throws -> T) async throws -> T {
    while true {
      do { return try await read() } catch StoreError.damagedRow(let row) {
        // One that the writer can read would come again and again.
        guard try await writer.setAside(row) else { throw StoreError.damaged(row.what) }
      }
    }
  }

  /// The oldest `limit` sealed readings in the range, and maybe more. A read copies one row.
  private func sealed(_ series: SeriesID, _ ring: Ring, in range: Range<Int64>, limit: Int) async throws -> SeriesChunk {
    let spans = ring.span(of: range.lowerBound)...ring.span(of: range.upperBound - 1)
    var all = SeriesChunk()
    for span in try await reader.readAsync({ db in try ChunkTable.spans(ring: ring.id, in: spans, db) }) where all.count < limit {
      let parts = try await reader.readAsync { db in try ChunkTable.parts(ring: ring.id, span: span, db) }
      let stored = try StoredSpan(parts, ring: ring, span: span).readings(of: series)
      all = all.merged(with: stored.part(from: range.lowerBound, to: range.upperBound))
    }
    return all
  }

  /// One registered series.
  package struct SeriesName: Hashable, Sendable {
    package var device: String
    package var metric: String
    package init(device: String, metric: String) { (self.device, self.metric) = (device, metric) }
  }

  /// Buckets of some series: of the first, of the second, and so on; and from which instant on there are more, where `limit` steps were
  /// not all. Buckets without a good reading are left out.
  ///
  /// - Parameters:
  ///   - names: series that are not registered have none.
  ///   - range: is widened to whole steps.
  /// - Throws: `StoreError`.
  package func buckets(
    of names: [SeriesName], in range: Range<Int64>, steps: Steps, limit: Int
  ) async throws -> (buckets: [[Bucket]], rest: Timestamp?) {
    var found = [[Bucket]](repeating: [], count: names.count)
    var rest: Int64?
    for start in stride(from: 0, to: names.count, by: Ring.seriesMax) {
      // So many at a time that the writer's pause is short.
      let some = Array(names[start..<min(names.count, start + Ring.seriesMax)])
      for (places, query) in await writer.bucketQueries(of: some, in: range, steps: steps) {
        var query = query
        let end = query.range.upperBound
        query.limit(steps: limit)
        if query.range.upperBound < end { rest = min(rest ?? .max, query.range.upperBound) }
        for window in query.windows {
          // Whoever asked may have been answered that it takes too long.
          try Task.checkCancellation()
          let buckets = try await settingAside { try await reader.readAsync { [query] db in try query.buckets(in: window, db) } }
          for (place, buckets) in zip(places, buckets) { found[start + place] += buckets }
        }
      }
    }
    return (found, rest.map(Timestamp.init(milliseconds:)))
  }
}

extension Writer {
  /// Of each ring the places in `names` of the series that are in it, and what is to be asked of it.
  func bucketQueries(
    of names: [GatewayService.SeriesName], in range: Range<Int64>, steps: Steps
  ) -> [(places: [Int], query: BucketQuery)] {
    core.engine.bucketQueries(of: names, in: range, steps: steps)
  }
}

extension Engine {
  fileprivate func bucketQueries(
    of names: [GatewayService.SeriesName], in range: Range<Int64>, steps: Steps
  ) -> [(places: [Int], query: BucketQuery)] {
    let known = names.indices.compactMap { place in series(names[place].device, names[place].metric).map { (place, $0) } }
    return rings.grouped(known.map(\.1)).map { ring, places in
      let series = places.map { known[$0].1 }
      return (places.map { known[$0].0 }, BucketQuery(of: series, in: ring, rings, heads, range: range, steps: steps))
    }
  }

  /// The number of a registered series.
  func series(_ device: String, _ metric: String) -> SeriesID? {
    guard let index = registry.deviceIndex(device), let metric = registry.profile(of: index).metricIndex(metric) else { return nil }
    return seriesOf[index][metric]
  }
}
