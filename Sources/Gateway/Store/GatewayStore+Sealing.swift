package import Database
import Foundation
import Readings
import SeriesStore

/// Between batches: the log is bounded by sealing what pins its oldest row.
extension GatewayStore {
  /// To be called between batches, when what the last one committed is acknowledged: no commit waits for it. One ring at a time.
  ///
  /// - Throws: `StoreError` that ends the process. Where there is no room, what is to be sealed waits in the log.
  package func tend(_ engine: Engine) throws(StoreError) {
    file.copyLogIfDue()
    // Heads hold nothing that is not committed.
    guard logBytes > logBytesMax, engine.isBatchEmpty, engine.historyFault == nil else { return }
    do throws(StoreError) { try seal(engine.rings.pinning, engine) } catch { if error != .full { throw error } }
  }

  /// Seals everything: the next start has hardly a log to read. To be called when the last batch is committed.
  ///
  /// - Throws: as `tend`.
  package func sealAll(_ engine: Engine) throws(StoreError) {
    guard engine.isBatchEmpty, engine.historyFault == nil else { return }
    while let ring = engine.rings.pinning {
      do throws(StoreError) { try seal(ring, engine) } catch {
        if error == .full { return }
        throw error
      }
    }
    do throws(StoreError) { try file.shrink() } catch { if error != .full { throw error } }
  }

  /// Writes what a ring has in heads into its chunk rows (nil: there is nothing of any), lets go of what is beyond retention, and cuts what
  /// nobody needs any more from the log, in one transaction.
  private func seal(_ place: Int?, _ engine: Engine) throws(StoreError) {
    let ring = place.map { engine.rings.all[$0] }
    let rows: [SealedRow]
    do {
      rows = try ring.map { ring in try file.read { db in try sealer.rows(of: ring, engine.heads, db) } } ?? []
    } catch let error as StoreError {
      throw error
    } catch {
      throw .unusable("chunk rows cannot be read: \(error)")
    }
    let spans = Self.newSpans(rows, engine.rings)
    let expired = Self.expired(engine)
    let pinned = engine.rings.all.indices.lazy.filter { $0 != place }.compactMap { engine.rings.all[$0].pinnedRow }.min()
    // The last row stays: the numbers go on from it.
    let through = min(pinned.map { $0 - 1 } ?? .max, lastNumber - 1)
    let newCut = try cutState(through: through)
    if place == nil, newCut == nil { return }
    var cutBytes: Int64 = 0
    try file.commit { db in
      for (ring, span) in expired { try ChunkTable.removeExpired(ring: ring, through: span, db) }
      for row in rows { try ChunkTable.store(row.number, row.body, db) }
      for (series, spans) in spans { try SeriesTable.setSpans(series, spans, db) }
      if let ring { try ChunkTable.setSealed(ring: ring.id, through: lastNumber, db) }
      if let newCut {
        cutBytes = try SeriesLog.bytes(through: newCut.number, db)
        try SeriesLog.cut(newCut, db)
      }
    }
    if let newCut {
      cut = newCut
      logBytes -= cutBytes
    }
    for (series, spans) in spans { engine.rings.setSealedSpans(of: series, spans) }
    sealed.forget()
    if let place { engine.sealed(ring: place, through: lastNumber) }
  }

  /// By ring, the spans up to which nothing is kept any more. A clock that may be wrong lets nothing expire; one that is ahead of all that
  /// a ring has ever heard, as after a start with a wrong clock, no more than its newest readings would.
  private static func expired(_ engine: Engine) -> [(ring: Int64, span: Int64)] {
    guard let clock = engine.clock, !engine.isDoubtful else { return [] }
    return engine.rings.all.compactMap { ring in
      let newest =
        ring.series.compactMap { series in
          let sealed = engine.rings.sealedSpans(of: series).map { ring.range(of: $0.upperBound).upperBound }
          return max(sealed ?? .min, engine.heads.newest(series)?.milliseconds ?? .min)
        }.max() ?? .min
      if newest == .min { return nil }
      return (ring.id, ring.expired(at: min(clock, Timestamp(milliseconds: newest)), retention: engine.settings.rawRetention))
    }
  }

  /// Of the series that these rows have, those of which no row was so old or so new before.
  private static func newSpans(_ rows: [SealedRow], _ rings: Rings) -> [(series: SeriesID, spans: ClosedRange<Int64>)] {
    var rings = rings
    var changed: Set<SeriesID> = []
    for row in rows {
      for series in row.series {
        guard let spans = rings.sealedSpans(of: series, with: row.span) else { continue }
        rings.setSealedSpans(of: series, spans)
        changed.insert(series)
      }
    }
    return changed.compactMap { series in rings.sealedSpans(of: series).map { (series, $0) } }
  }

  /// What the rows up to that number say besides their readings; nil where none is to be cut.
  private func cutState(through number: Int64) throws(StoreError) -> SeriesLog.Cut? {
    let from = cut?.number ?? 0
    guard number > from else { return nil }
    do {
      try willCut((from + 1)...number)
      var rows = CutRows(fold: try cut.map { try LogFold($0) } ?? LogFold())
      try file.read { db in _ = try SeriesLog.read(db, after: from, limit: Int(number - from), into: &rows) }
      return SeriesLog.Cut(number: number, state: try rows.fold.encoded())
    } catch let error as StoreError {
      throw error
    } catch {
      throw .unusable("the log cannot be read: \(error)")
    }
  }
}

extension LogFold {
  init(_ cut: SeriesLog.Cut) throws {
    do { self = try JSONDecoder().decode(LogFold.self, from: Data(cut.state)) } catch {
      throw StoreError.damaged("what the log's rows up to \(cut.number) said cannot be read")
    }
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return [UInt8](try encoder.encode(self))
  }
}
