import Database
import Foundation
import GRDB
package import Readings
import SeriesStore

/// How far a store that nobody writes to goes, once everything in it was found to be what was written.
package struct StoredExtent: Equatable, Sendable {
  /// The number of the log's last row; 0 where nothing was committed.
  package var lastRow: Int64
  /// The clock of the newest input, which is that of the newest commit; nil where there was none.
  package var clock: Timestamp?

  /// Reads all rows of the log, the counters and all chunk rows, as a start would and more.
  ///
  /// - Parameter progress: called now and then with the part that is read, 0 to 1.
  /// - Throws: `StoreError.damaged`.
  init(checking db: GRDB.Database, progress: (Double) -> Void) throws {
    guard try SeriesTable.check(db) else { throw StoreError.damaged("there is no table of series") }
    let cut = try SeriesLog.lastCut(db)
    var rows = CutRows(fold: try cut.map { try LogFold($0) } ?? LogFold())
    let last = try SeriesLog.read(db, into: &rows)
    (lastRow, clock) = (last, rows.fold.clock)
    let stored = try Row.fetchOne(db, sql: "SELECT counters, log_number FROM gateway WHERE id = 1")
    if let stored {
      guard let counters = Counters(json: try stored.sound("counters")), counters.balances else {
        throw StoreError.damaged("the counters cannot be read, or do not balance")
      }
    }
    let number: Int64 = try stored?.sound("log_number") ?? 0
    guard number == last else { throw StoreError.damaged("the log ends with row \(last), and \(number) was committed last") }
    try Self.checkChunks(db, progress)
  }

  private static func checkChunks(_ db: GRDB.Database, _ progress: (Double) -> Void) throws {
    let rings = try ChunkTable.rings(db)
    for (place, ring) in rings.enumerated() {
      let spans = try ChunkTable.spans(ring: ring.id, in: ChunkTable.everySpan, db)
      for (done, span) in spans.enumerated() {
        _ = try StoredSpan(ChunkTable.parts(ring: ring.id, span: span, db), ring: ring, span: span)
        progress((Double(place) + Double(done) / Double(spans.count)) / Double(rings.count))
      }
    }
  }
}
