package import Database
import Foundation
import GRDB
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

  /// Writes what a ring has in heads into its chunk rows (nil: there is nothing of any), or the oldest of it where that is much, lets go of
  /// what is beyond retention, and cuts what nobody needs any more from the log, in one transaction.
  private func seal(_ place: Int?, _ engine: Engine) throws(StoreError) {
    let ring = place.map { engine.rings.all[$0] }
    let rows = try ring.map { ring throws(StoreError) in try sealedRows(of: ring, engine) } ?? SealedRows()
    let spans = Self.newSpans(rows.chunks, engine.rings)
    let expired = expired(engine)
    let pinned = engine.rings.all.indices.lazy.filter { $0 != place || rows.hasMore }.compactMap { engine.rings.all[$0].pinnedRow }.min()
    // The last row stays: the numbers go on from it.
    let through = min(pinned.map { $0 - 1 } ?? .max, lastNumber - 1)
    let newCut = try cutState(through: through)
    if place == nil, newCut == nil { return }
    var cutBytes: Int64 = 0
    try file.commit { db in
      for row in rows.chunks { try ChunkTable.store(row.number, row.body, db) }
      for row in rows.rollups { try RollupTable.store(row.number, row.body, db) }
      for (series, spans) in spans { try SeriesTable.setSpans(series, spans, db) }
      for expiry in expired { try expiry.apply(db) }
      if let ring, !rows.hasMore { try ChunkTable.setSealed(ring: ring.id, through: lastNumber, db) }
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
    for expiry in expired { expiries[expiry.place] = expiry.before }
    sealed.forget()
    guard let place else { return }
    if rows.hasMore { engine.rings.sealed(place, spans: rows.spans) } else { engine.sealed(ring: place, through: lastNumber) }
  }

  private func sealedRows(of ring: Ring, _ engine: Engine) throws(StoreError) -> SealedRows {
    do {
      return try file.read { db in try sealer.rows(of: ring, engine.heads, db) }
    } catch let error as StoreError {
      throw error
    } catch {
      throw .unusable("chunk rows cannot be read: \(error)")
    }
  }

  /// What lies beyond retention and was not let go of yet. A clock that may be wrong lets nothing expire; one that is ahead of all that was
  /// ever heard, as after a start with a wrong clock, no more than the newest reading would.
  private func expired(_ engine: Engine) -> [Expiry] {
    guard let clock = engine.clock, !engine.isDoubtful, !expired(at: clock.milliseconds, engine).isEmpty else { return [] }
    guard let newest = newest(engine) else { return [] }
    return expired(at: min(clock.milliseconds, newest), engine)
  }

  private func expired(at now: Int64, _ engine: Engine) -> [Expiry] {
    let settings = engine.settings
    var all: [Expiry] = []
    for ring in engine.rings.all {
      // What is not sealed will be sealed with all that stands in its span.
      let unsealed = ring.series.map { engine.heads.unsealedFrom($0) }.min() ?? .max
      var before = ring.start(of: min(now - settings.rawRetention, unsealed))
      all.append(Expiry(ring: ring, before: before))
      // Coarse buckets are made of finer ones: they are kept for as long at least.
      for resolution in Resolution.allCases {
        guard let retention = settings.rollupRetention[resolution], retention <= now else { break }
        before = resolution.rowStart(of: min(now - retention, before))
        all.append(Expiry(ring: ring, resolution: resolution, before: before))
      }
    }
    return all.filter { $0.before > expiries[$0.place] ?? .min }
  }

  /// The newest instant of which there is a reading; of what is sealed, the end of its span.
  private func newest(_ engine: Engine) -> Int64? {
    engine.rings.all.lazy.flatMap(\.series).compactMap { series in
      let ring = engine.rings[of: series]
      let sealed = engine.rings.sealedSpans(of: series).map { ring.range(of: $0.upperBound).upperBound }
      let held = engine.heads.newest(series)?.milliseconds
      return sealed.map { max($0, held ?? .min) } ?? held
    }.max()
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

/// What lies beyond retention.
struct Expiry {
  /// Readings, or a rollup.
  struct Place: Hashable {
    var ring: Int64
    var resolution: Resolution?
  }

  var ring: Ring
  var resolution: Resolution?
  /// Rows that begin earlier go.
  var before: Int64

  var place: Place { Place(ring: ring.id, resolution: resolution) }

  func apply(_ db: GRDB.Database) throws {
    if let resolution {
      try RollupTable.remove(resolution, ring: ring.id, before: before, db)
    } else {
      try ChunkTable.remove(ring, before: before, db)
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
