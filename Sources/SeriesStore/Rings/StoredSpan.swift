package import Database
import Foundation
package import Readings

/// What chunk rows have of one span of a ring.
package final class StoredSpan {
  /// A row, its directory read.
  private final class OpenRow {
    let number: Int64
    let body: Data
    var decoder = ChunkRowDecoder()
    init(_ part: ChunkTable.Part) { (number, body) = (part.number, part.body) }
  }

  private let ring: Ring
  private let span: Int64
  private var rows: [OpenRow] = []

  /// - Parameter parts: as `ChunkTable.parts` gives them.
  /// - Throws: `StoreError.damagedRow` where a row is not what was written.
  package init(_ parts: [ChunkTable.Part], ring: Ring, span: Int64) throws(StoreError) {
    (self.ring, self.span) = (ring, span)
    for part in parts {
      let row = OpenRow(part)
      do {
        // Safe: the bytes are used within the call alone.
        try unsafe row.body.withUnsafeBytes { bytes in unsafe try row.decoder.open(bytes, number: part.number) }
      } catch {
        throw damaged(row, error)
      }
      rows.append(row)
    }
  }

  /// The sealed readings of a series, all of them.
  package func readings(of series: SeriesID) throws(StoreError) -> SeriesChunk {
    var all = SeriesChunk()
    try read(series, into: &all)
    return all
  }

  /// The same, in place of what `chunk` holds, in its memory.
  func read(_ series: SeriesID, into chunk: inout SeriesChunk) throws(StoreError) {
    chunk.removeAll()
    for (place, row) in rows.enumerated() {
      if place == 0 {
        try read(series, row, into: &chunk)
      } else {
        var part = SeriesChunk()
        try read(series, row, into: &part)
        chunk = chunk.merged(with: part)
      }
    }
  }

  private func read(_ series: SeriesID, _ row: OpenRow, into chunk: inout SeriesChunk) throws(StoreError) {
    do {
      // Safe: they are the bytes that were opened.
      try unsafe row.body.withUnsafeBytes { bytes in unsafe try row.decoder.read(series, from: bytes, into: &chunk) }
    } catch {
      throw damaged(row, error)
    }
  }

  /// Those in the range, with those that heads have there.
  ///
  /// - Parameter unsealed: of what heads have only what may not be sealed yet.
  package func readings(
    of series: SeriesID, _ heads: borrowing SeriesHeads, in range: Range<Int64>, unsealed: Bool = false
  ) throws(StoreError) -> SeriesChunk {
    var held = SeriesChunk()
    let from = unsealed ? max(range.lowerBound, heads.unsealedFrom(series)) : range.lowerBound
    heads.copy(series, from: from, to: range.upperBound, into: &held)
    return try readings(of: series).part(from: range.lowerBound, to: range.upperBound).merged(with: held)
  }

  var isEmpty: Bool { rows.isEmpty }

  package func `is`(ring: Int64, span: Int64) -> Bool { self.ring.id == ring && self.span == span }

  private func damaged(_ row: OpenRow, _ fault: any Error) -> StoreError {
    .damagedRow(
      DamagedRow(
        table: .chunk, number: row.number, range: ring.range(of: span),
        what: "the chunk row of ring \(ring.id), span \(span) cannot be read (\(fault))"))
  }
}
