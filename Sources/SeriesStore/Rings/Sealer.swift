import Database
package import GRDB
package import Readings

/// A chunk row that is to be written.
package struct SealedRow: Sendable {
  package var number: Int64
  package var span: Int64
  package var series: [SeriesID] = []
  package var body: [UInt8] = []
}

/// Makes the chunk rows of a ring, from what stands in them and what heads have that is not sealed.
package struct Sealer: ~Copyable {
  private var encoder = ChunkRowEncoder()

  package init() {}

  /// - Returns: the rows and their numbers, and the series of each.
  /// - Throws: `StoreError.damaged` where a row is not what was written, and the database's errors.
  package mutating func rows(
    of ring: Ring, _ heads: borrowing SeriesHeads, _ db: GRDB.Database
  ) throws -> [SealedRow] {
    var rows: [SealedRow] = []
    for span in ring.dirty.sorted() {
      let (number, old) = try ChunkTable.lastPart(ring: ring.id, span: span, db)
      let part = try StoredSpan(old.map { [ChunkTable.Part(number: number, body: $0)] } ?? [], ring: ring, span: span)
      let range = ring.range(of: span)
      var row = SealedRow(number: number, span: span)
      for series in ring.series {
        let all = try part.readings(of: series, heads, in: range, unsealed: true)
        if all.isEmpty { continue }
        encoder.append(series, all)
        row.series.append(series)
      }
      if encoder.isEmpty { continue }
      row.body = unsafe Array(encoder.finish(number: number))
      rows.append(row)
    }
    return rows
  }
}
