package import Database
import Foundation
import GRDB
package import Readings
package import SeriesStore

/// Everything stored, as NDJSON: `{"device","metric","ts","value","status"}`, ring by ring, span by span, each series in order of ts.
///
/// It reads page by page and holds no transaction while the caller writes, so that it may run beside a gateway for as long as it likes:
/// first what stands in the log alone, then the chunks. What is sealed meanwhile is in both, and is written once.
package struct ReadingExport {
  private static let pageRows = 32
  private let reader: StoreReader
  private let directory: String

  /// - Throws: `StoreError` where there is no store in the directory.
  package init(directory: String) throws(StoreError) {
    reader = try StoreReader(directory: directory, priority: .background)
    self.directory = directory
  }

  /// Calls `write` with whole lines, some at a time. Readings outside [from, to) are left out. Returns how many were written.
  ///
  /// - Throws: `StoreError.damaged` also where everything could be read and rows that were committed before are not among it; what can be
  ///   read of a damaged store is written first.
  package func run(from: Timestamp?, to: Timestamp?, write: ([UInt8]) throws -> Void) throws -> Int {
    var lines = ExportLines()
    do {
      try visit(from: from, to: to) { series, chunk in
        lines.append(series, chunk)
        if lines.isLong { try write(lines.take()) }
      }
    } catch {
      if !lines.isEmpty { try write(lines.take()) }
      throw error
    }
    if !lines.isEmpty { try write(lines.take()) }
    return lines.count
  }

  /// Calls `take` with the readings of each series and span.
  ///
  /// - Throws: as `run`.
  package func visit(from: Timestamp? = nil, to: Timestamp? = nil, take: (StoredSeries, SeriesChunk) throws -> Void) throws {
    if let from, let to, from >= to { return }
    let range = (from?.milliseconds ?? .min)..<(to?.milliseconds ?? .max)
    let mark = DirectoryLock.highWater(directory: directory)
    let plan = try reader.read { db in
      guard try SeriesTable.check(db) else { return RingPlan?.none }
      return try RingPlan(rings: ChunkTable.rings(db), series: SeriesTable.all(db)) { _ in Ring.length(interval: 60_000, retention: .max) }
    }
    guard var plan else {
      throw mark > 0
        ? StoreError.damaged("\(mark) log rows were committed and are gone") : .unusable("\(directory): nothing was stored yet")
    }
    var heads = SeriesHeads()
    if let last = plan.series.last { heads.addSeries(through: last.id) }
    var fault: (any Error)?
    do { try readLog(&plan, &heads, range, mark) } catch { fault = error }
    for ring in plan.rings.all {
      try visitChunks(of: ring, heads, range, &fault) { series, chunk in try take(plan.series[series.int], chunk) }
    }
    if let fault { throw fault }
  }

  /// The readings that are not sealed into heads.
  private func readLog(_ plan: inout RingPlan, _ heads: inout SeriesHeads, _ range: Range<Int64>, _ mark: Int64) throws {
    var last: Int64 = 0
    while true {
      let (after, rings) = (last, plan.rings)
      let page = try reader.read { db in
        // What was cut meanwhile is sealed meanwhile.
        var page = LogPage(rings: rings, range: range)
        let begin = max(after, try SeriesLog.lastCut(db)?.number ?? 0)
        page.last = try SeriesLog.read(db, after: begin, limit: Self.pageRows, into: &page)
        return page
      }
      for reading in page.readings where reading.series.int < heads.count {
        _ = heads.insert(reading)
        plan.note(reading)
      }
      if page.last == last { break }
      last = page.last
    }
    if last < mark { throw StoreError.damaged("log rows \(last + 1) to \(mark) were committed and are gone") }
  }

  /// - Parameter fault: gets the first; the spans behind it are read all the same.
  private func visitChunks(
    of ring: Ring, _ heads: borrowing SeriesHeads, _ range: Range<Int64>, _ fault: inout (any Error)?,
    _ take: (SeriesID, SeriesChunk) throws -> Void
  ) throws {
    let spans = ring.span(of: range.lowerBound)...ring.span(of: range.upperBound - 1)
    let sealed = try reader.read { db in try ChunkTable.spans(ring: ring.id, in: spans, db) }
    for span in Set(sealed).union(ring.dirty.filter { spans.contains($0) }).sorted() {
      let within = ring.range(of: span).clamped(to: range)
      var chunks: [(SeriesID, SeriesChunk)] = []
      do {
        let parts = try reader.read { db in try ChunkTable.parts(ring: ring.id, span: span, db) }
        let stored = try StoredSpan(parts, ring: ring, span: span)
        for series in ring.series { chunks.append((series, try stored.readings(of: series, heads, in: within))) }
      } catch let error as StoreError {
        fault = fault ?? error
      }
      for (series, chunk) in chunks where !chunk.isEmpty { try take(series, chunk) }
    }
  }
}

/// Readings of some rows of the log that are not sealed.
private struct LogPage: LogVisitor, Sendable {
  let rings: Rings
  let range: Range<Int64>
  var last: Int64 = 0
  var readings: [Reading] = []
  private var row: Int64 = 0

  init(rings: Rings, range: Range<Int64>) { (self.rings, self.range) = (rings, range) }

  mutating func begins(row: Int64) { self.row = row }

  mutating func reading(_ reading: Reading) {
    guard range.contains(reading.ts.milliseconds), rings.has(reading.series), row > rings[of: reading.series].sealedThrough else { return }
    readings.append(reading)
  }
}

private struct ExportLines {
  private(set) var count = 0
  private var lines = JSONWriter(reserving: 1 << 17)

  var isEmpty: Bool { lines.bytes.isEmpty }
  var isLong: Bool { lines.bytes.count > 1 << 16 }

  mutating func append(_ series: StoredSeries, _ chunk: SeriesChunk) {
    count += chunk.count
    for place in chunk.times.indices {
      let value = chunk.column.values[place]
      lines.object { line in
        line.field("device", series.device)
        line.field("metric", series.metric)
        line.field("ts", chunk.times[place])
        line.field("value", value.isNaN ? nil : value)
        line.field("status", Quality(byte: chunk.column.qualities[place]).text)
      }
      lines.endLine()
    }
  }

  mutating func take() -> [UInt8] {
    defer { lines = JSONWriter(reserving: 1 << 17) }
    return lines.bytes
  }
}
