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
  private let directory: String

  /// - Throws: `StoreError` where there is no store in the directory.
  package init(directory: String) throws(StoreError) {
    reader = try StoreReader(directory: directory, priority: .background)
    self.directory = directory
  }

  /// Calls `write` with whole lines, a page at a time. Readings outside [from, to) are left out. Returns how many were written.
  ///
  /// - Throws: `StoreError.damaged` also where everything could be read and rows that were committed before are not among it.
  package func run(from: Timestamp?, to: Timestamp?, write: ([UInt8]) throws -> Void) throws -> Int {
    var last: Int64 = 0
    var total = 0
    let mark = DirectoryLock.highWater(directory: directory)
    guard try reader.read({ db in try SeriesTable.check(db) }) else {
      throw mark > 0
        ? StoreError.damaged("\(mark) log rows were committed and are gone") : .unusable("\(directory): nothing was stored yet")
    }
    while true {
      let after = last
      let page = try reader.read { db in
        var page = ExportPage(series: try SeriesTable.all(db), from: from, to: to)
        page.last = try SeriesLog.read(db, after: after, limit: Self.pageRows, into: &page)
        return page
      }
      if page.last == last { break }
      last = page.last
      total += page.count
      if page.count > 0 { try write(page.lines.bytes) }
    }
    if last < mark { throw StoreError.damaged("log rows \(last + 1) to \(mark) were committed and are gone") }
    return total
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
