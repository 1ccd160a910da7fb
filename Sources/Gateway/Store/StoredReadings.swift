package import Database
import GRDB
package import Readings
package import SeriesStore

/// What a store has, as it stands: to be read beside a running gateway, or without one.
///
/// It reads page by page and holds no transaction while the caller goes on, so that it may take as long as it likes: first what stands in
/// the log alone, when it is made, then chunks and rollups. What is sealed meanwhile is in both, and counts once.
package final class StoredReadings {
  private static let pageRows = 32
  private let reader: StoreReader
  package let series: [StoredSeries]
  private var rings: Rings
  /// The readings that are not sealed.
  private var heads = SeriesHeads()
  /// Why not all of the log could be read. What could be read is here.
  package private(set) var logFault: (any Error)?

  /// - Throws: `StoreError` where there is no store in the directory, or its tables cannot be read.
  package init(directory: String, priority: ReadPriority = .background) throws {
    reader = try StoreReader(directory: directory, priority: priority)
    let mark = DirectoryLock.highWater(directory: directory)
    guard let plan = try Self.plan(reader) else {
      throw mark > 0
        ? StoreError.damaged("\(mark) log rows were committed and are gone") : .unusable("\(directory): nothing was stored yet")
    }
    (series, rings) = (plan.series, plan.rings)
    if let last = series.last { heads.addSeries(through: last.id) }
    do { try readLog(mark) } catch { logFault = error }
    try readSpansAgain()
  }

  private static func plan(_ reader: StoreReader) throws -> RingPlan? {
    try reader.read { db in
      guard try SeriesTable.check(db) else { return RingPlan?.none }
      return try RingPlan(rings: ChunkTable.rings(db), series: SeriesTable.all(db)) { _ in Ring.length(interval: 60_000, retention: .max) }
    }
  }

  /// What was sealed while the log was read: its spans are known by now.
  private func readSpansAgain() throws {
    let now = try reader.read { db in try SeriesTable.all(db) }
    for one in now where one.id.int < series.count { if let spans = one.spans { rings.setSealedSpans(of: one.id, spans) } }
  }

  private func readLog(_ mark: Int64) throws {
    var last: Int64 = 0
    while true {
      let (after, rings) = (last, self.rings)
      let page = try reader.read { db in
        // What was cut meanwhile is sealed meanwhile.
        var page = LogPage(rings: rings)
        let begin = max(after, try SeriesLog.lastCut(db)?.number ?? 0)
        page.last = try SeriesLog.read(db, after: begin, limit: Self.pageRows, into: &page)
        return page
      }
      for reading in page.readings where reading.series.int < heads.count {
        _ = heads.insert(reading)
        self.rings.note(reading.series, ts: reading.ts.milliseconds)
      }
      if page.last == last { break }
      last = page.last
    }
    if last < mark { throw StoreError.damaged("log rows \(last + 1) to \(mark) were committed and are gone") }
  }

  package static let always = Int64.min..<Int64.max

  /// Calls `take` with the readings of each series and span in the range.
  ///
  /// - Throws: `StoreError.damaged` where something cannot be read; everything else was taken then.
  package func visit(in range: Range<Int64> = always, _ take: (StoredSeries, SeriesChunk) throws -> Void) throws {
    var fault = logFault
    for ring in rings.all { try visit(ring, ring.series, range, &fault, take) }
    if let fault { throw fault }
  }

  /// The readings of one series in the range, in order of ts.
  ///
  /// - Throws: as `visit`.
  package func visit(_ one: SeriesID, in range: Range<Int64>, _ take: (StoredSeries, SeriesChunk) throws -> Void) throws {
    var fault = logFault
    try visit(rings[of: one], [one], range, &fault, take)
    if let fault { throw fault }
  }

  /// - Parameter fault: gets the first; the spans behind it are read all the same.
  private func visit(
    _ ring: Ring, _ wanted: [SeriesID], _ range: Range<Int64>, _ fault: inout (any Error)?,
    _ take: (StoredSeries, SeriesChunk) throws -> Void
  ) throws {
    for span in try reader.read({ db in try ring.spans(with: range, db) }) {
      let within = ring.range(of: span).clamped(to: range)
      var chunks: [(SeriesID, SeriesChunk)] = []
      do {
        let parts = try reader.read { db in try ChunkTable.parts(ring: ring.id, span: span, db) }
        let stored = try StoredSpan(parts, ring: ring, span: span)
        for series in wanted { chunks.append((series, try stored.readings(of: series, heads, in: within))) }
      } catch let error as StoreError {
        fault = fault ?? error
      }
      for (series, chunk) in chunks where !chunk.isEmpty { try take(self.series[series.int], chunk) }
    }
  }

  /// The buckets of these series in the range, which is widened to whole steps: those of the first, of the second, and so on. Buckets
  /// without a good reading are left out.
  ///
  /// - Throws: as `visit`, and nothing is given then.
  package func buckets(of wanted: [SeriesID], in range: Range<Int64>, steps: Steps) throws -> [[Bucket]] {
    if let logFault { throw logFault }
    var (questions, places): ([@Sendable (GRDB.Database) throws -> [[Bucket]]], [[Int]]) = ([], [])
    for (ring, members) in rings.grouped(wanted) {
      let series = members.map { wanted[$0] }
      let query = BucketQuery(of: series, in: ring, rings, heads, range: range, steps: steps)
      for window in query.windows {
        questions.append { db in try query.buckets(in: window, db) }
        places.append(members)
      }
    }
    var found = [[Bucket]](repeating: [], count: wanted.count)
    for (places, answer) in zip(places, try reader.readAll(questions)) {
      for (place, buckets) in zip(places, answer) { found[place] = found[place].isEmpty ? buckets : found[place] + buckets }
    }
    return found
  }

  /// Right after the newest reading of any of these; nil where there is none.
  ///
  /// - Throws: `StoreError.damaged` where it cannot be read.
  package func end(of wanted: [SeriesID]) throws -> Timestamp? {
    try wanted.compactMap(newest).max().map { Timestamp(milliseconds: $0 + 1) }
  }

  /// Where readings are gone and rollups are not, the end of the newest span.
  private func newest(_ one: SeriesID) throws -> Int64? {
    let held = heads.newest(one)?.milliseconds
    let ring = rings[of: one]
    guard let span = rings.sealedSpans(of: one)?.upperBound else { return held }
    let end = ring.range(of: span).upperBound
    if let held, held >= end { return held }
    let parts = try reader.read { db in try ChunkTable.parts(ring: ring.id, span: span, db) }
    let sealed = try StoredSpan(parts, ring: ring, span: span).readings(of: one).times.last
    return max(sealed ?? end - 1, held ?? .min)
  }
}

/// Readings of some rows of the log that are not sealed.
private struct LogPage: LogVisitor, Sendable {
  let rings: Rings
  var last: Int64 = 0
  var readings: [Reading] = []
  private var row: Int64 = 0

  init(rings: Rings) { self.rings = rings }

  mutating func begins(row: Int64) { self.row = row }

  mutating func reading(_ reading: Reading) {
    guard rings.has(reading.series), row > rings[of: reading.series].sealedThrough else { return }
    readings.append(reading)
  }
}
