import Database
package import GRDB
import Readings

/// Makes the chunk rows of a ring, from what stands in them and what heads have that is not sealed.
package struct Sealer: ~Copyable {
  private var encoder = ChunkRowEncoder()

  package init() {}

  /// - Parameter expired: spans up to this one lie beyond retention.
  /// - Returns: the rows and their numbers.
  /// - Throws: `StoreError.damaged` where a row is not what was written, and the database's errors.
  package mutating func rows(
    of ring: Ring, after expired: Int64, _ heads: borrowing SeriesHeads, _ db: GRDB.Database
  ) throws -> [(number: Int64, body: [UInt8])] {
    var rows: [(number: Int64, body: [UInt8])] = []
    for span in ring.dirty.sorted() where span > expired {
      let (number, old) = try ChunkTable.lastPart(ring: ring.id, span: span, db)
      let part = try StoredSpan(old.map { [ChunkTable.Part(number: number, body: $0)] } ?? [], ring: ring, span: span)
      let range = ring.range(of: span)
      for series in ring.series {
        let all = try part.readings(of: series, heads, in: range, unsealed: true)
        if !all.isEmpty { encoder.append(series, all) }
      }
      if !encoder.isEmpty { rows.append((number, unsafe Array(encoder.finish(number: number)))) }
    }
    return rows
  }
}
