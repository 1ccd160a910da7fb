package import Database
import GRDB
package import Readings
import SeriesStore

/// Everything stored, as NDJSON in the order of commit: `{"device","metric","ts","value","status"}`.
///
/// It reads page by page and holds no transaction while the caller writes, so that it may run beside a gateway for as long as it likes.
package struct ReadingExport {
  private static let pageRows = 256
  private let reader: StoreReader

  package init(reader: StoreReader) { self.reader = reader }

  /// Calls `write` with whole lines, a page at a time. Readings outside [from, to) are left out. Returns how many were written.
  package func run(from: Timestamp?, to: Timestamp?, write: ([UInt8]) throws -> Void) throws -> Int {
    var last: Int64 = 0
    var total = 0
    while true {
      let after = last
      let page = try reader.read { db in
        var page = ExportPage(series: try SeriesTable.all(db), from: from, to: to)
        page.last = try SeriesLog.read(db, after: after, limit: Self.pageRows, into: &page)
        return page
      }
      if page.last == last { return total }
      last = page.last
      total += page.count
      if page.count > 0 { try write(page.lines.bytes) }
    }
  }
}

private struct ExportPage: LogVisitor, Sendable {
  let series: [StoredSeries]
  let from: Timestamp?
  let to: Timestamp?
  var last: Int64 = 0
  var count = 0
  var lines = JSONWriter(reserving: 1 << 16)

  mutating func reading(_ reading: Reading) {
    if let from, reading.ts < from { return }
    if let to, reading.ts >= to { return }
    let place = reading.series.int
    guard place < series.count else { return }
    count += 1
    lines.object { line in
      line.field("device", series[place].device)
      line.field("metric", series[place].metric)
      line.field("ts", reading.ts.milliseconds)
      line.field("value", reading.hasValue ? reading.value : nil)
      line.field("status", reading.quality.text)
    }
    lines.endLine()
  }
}
