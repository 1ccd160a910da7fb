package import Database
import DeviceRegistry
import Foundation
import GRDB
import Outbox
package import Readings
import SeriesStore

/// Between batches: the log is bounded by sealing what pins its oldest row.
extension GatewayStore {
  /// To be called between batches, when what the last one committed is acknowledged: no commit waits for it. One ring at a time.
  ///
  /// - Parameter realNow: the wall clock, for what is to be delivered of it.
  /// - Throws: `StoreError` that ends the process. Where there is no room, what is to be sealed waits in the log.
  package func tend(_ engine: Engine, realNow: Timestamp) throws(StoreError) {
    file.copyLogIfDue()
    if engine.isBatchEmpty, engine.historyFault == nil { try prune(engine, realNow: realNow) }
    // Heads hold nothing that is not committed.
    guard logBytes > logBytesMax || isLogOld(engine), engine.isBatchEmpty, engine.historyFault == nil else { return }
    do throws(StoreError) { try seal(engine, realNow) } catch { if error != .full { throw error } }
  }

  func noteAge(of row: Int64, _ engine: Engine) {
    guard let clock = engine.clock, rowAges.last.map({ clock - $0.at >= engine.settings.rawRetention / 32 }) ?? true else { return }
    rowAges.append((row, clock))
  }

  /// What is kept for a short time only does not wait in the log for longer.
  private func isLogOld(_ engine: Engine) -> Bool {
    guard let first = rowAges.first, let clock = engine.clock, clock - first.at > engine.settings.rawRetention / 2 else { return false }
    guard !engine.isDoubtful, let pinned = engine.rings.pinnedRow else { return false }
    rowAges.removeAll { $0.row < pinned }
    return rowAges.first.map { clock - $0.at > engine.settings.rawRetention / 2 } ?? false
  }

  /// Lets go of what takes more than its share of `sizeMax`, and gives the disk what is free then. For when the store is beyond that.
  ///
  /// - Throws: as `tend`.
  package func makeRoom(_ engine: Engine, realNow: Timestamp) throws(StoreError) {
    guard engine.isBatchEmpty, engine.historyFault == nil else { return }
    do throws(StoreError) {
      // What is not sealed keeps its span.
      try seal(engine, realNow)
      try file.shrink(pages: 4096)
    } catch {
      if error != .full { throw error }
    }
    _ = file.emptyLog()
  }

  /// Seals everything: the next start has hardly a log to read. To be called when the last batch is committed.
  ///
  /// - Throws: as `tend`.
  package func sealAll(_ engine: Engine, realNow: Timestamp) throws(StoreError) {
    guard engine.isBatchEmpty, engine.historyFault == nil else { return }
    while engine.rings.pinning != nil {
      do throws(StoreError) { try seal(engine, realNow) } catch {
        if error == .full { return }
        throw error
      }
    }
    do throws(StoreError) { try file.shrink(pages: 16_384) } catch { if error != .full { throw error } }
  }

  /// Seals the ring that holds the oldest row of the log, if any does.
  private func seal(_ engine: Engine, _ realNow: Timestamp) throws(StoreError) {
    try withoutDamage(engine, realNow: realNow) { () throws(StoreError) in try seal(engine.rings.pinning, engine, realNow) }
  }

  /// Writes what a ring has in heads into its chunk rows (nil: there is nothing of any), or the oldest of it where that is much, lets go of
  /// what is beyond retention, tells of what goes before its time, and cuts what nobody needs any more from the log, in one transaction.
  private func seal(_ place: Int?, _ engine: Engine, _ realNow: Timestamp) throws(StoreError) {
    let ring = place.map { engine.rings.all[$0] }
    let rows = try ring.map { ring throws(StoreError) in try sealedRows(of: ring, engine) } ?? SealedRows()
    let spans = Self.newSpans(rows.chunks, engine.rings)
    let expired = expired(engine) + (try shortened(engine))
    var freed = [Int64](repeating: 0, count: expired.count)
    let pinned = engine.rings.all.indices.lazy.filter { $0 != place || rows.hasMore }.compactMap { engine.rings.all[$0].pinnedRow }.min()
    // The last row stays: the numbers go on from it.
    let through = min(pinned.map { $0 - 1 } ?? .max, lastNumber - 1)
    let newCut = try cutState(through: through)
    if place == nil, newCut == nil, expired.isEmpty { return }
    let gaps = try gaps(of: expired, engine)
    var counters = engine.counters
    if !gaps.isEmpty { counters.gaps[Self.shortRing, default: 0] += Int64(gaps.count) }
    var cutBytes: Int64 = 0
    var given: GivenDeliveries = [:]
    try file.commit { db in
      for row in rows.chunks { try ChunkTable.store(row.number, row.body, db) }
      for row in rows.rollups { try RollupTable.store(row.number, row.body, db) }
      for (series, spans) in spans { try SeriesTable.setSpans(series, spans, db) }
      if let ring { try ChunkTable.grew(ring: ring.id, by: rows.growth, db) }
      for (place, expiry) in expired.enumerated() { freed[place] = try expiry.apply(db) }
      if let ring, !rows.hasMore { try ChunkTable.setSealed(ring: ring.id, through: lastNumber, db) }
      if let newCut {
        cutBytes = try SeriesLog.bytes(through: newCut.number, db)
        try SeriesLog.cut(newCut, db)
      }
      if !gaps.isEmpty {
        try save(counters, engine, lastNumber, db)
        given = try OutboxTable.enqueue(gaps, to: sinks, realNow: realNow, in: db)
      }
    }
    engine.counters = counters
    if !gaps.isEmpty { note(given: given) }
    if let newCut {
      cut = newCut
      logBytes -= cutBytes
    }
    for (series, spans) in spans { engine.rings.setSealedSpans(of: series, spans) }
    sealed.forget()
    for (expiry, freed) in zip(expired, freed) { note(expiry, freed: freed, engine) }
    guard let place else { return }
    engine.rings.grew(place, by: rows.growth)
    notePace(rows.chunks, engine.rings.all[place], engine)
    if rows.hasMore { engine.rings.sealed(place, spans: rows.spans) } else { engine.sealed(ring: place, through: lastNumber) }
  }

  private func sealedRows(of ring: Ring, _ engine: Engine) throws(StoreError) -> SealedRows {
    try reading { db in try sealer.rows(of: ring, engine.heads, db) }
  }

  /// Which devices report far more often than their profiles say.
  private func notePace(_ rows: [SealedRow], _ ring: Ring, _ engine: Engine) {
    for row in rows {
      for (series, count) in zip(row.series, row.readings) {
        guard let device = engine.deviceOf[series.int] else { continue }
        let times = Double(count) * Double(engine.registry.interval(of: device)) / Double(ring.length)
        let isOver = ring.range(of: row.span).upperBound <= engine.clock?.milliseconds ?? 0
        if times >= Self.paceMax { fastDevices[device] = times } else if isOver { fastDevices[device] = nil }
      }
    }
  }

  /// Times its profile's pace: from here on a device is fast.
  private static let paceMax = 1.5

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
