package import Database
import DeviceRegistry
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
    guard logBytes > logBytesMax || isLogOld(engine), engine.isBatchEmpty, engine.historyFault == nil else { return }
    do throws(StoreError) { try seal(engine.rings.pinning, engine) } catch { if error != .full { throw error } }
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
  package func makeRoom(_ engine: Engine) throws(StoreError) {
    guard engine.isBatchEmpty, engine.historyFault == nil else { return }
    do throws(StoreError) {
      // What is not sealed keeps its span.
      try seal(engine.rings.pinning, engine)
      try file.shrink(pages: 4096)
    } catch {
      if error != .full { throw error }
    }
    _ = file.emptyLog()
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
    do throws(StoreError) { try file.shrink(pages: 16_384) } catch { if error != .full { throw error } }
  }

  /// Writes what a ring has in heads into its chunk rows (nil: there is nothing of any), or the oldest of it where that is much, lets go of
  /// what is beyond retention, and cuts what nobody needs any more from the log, in one transaction.
  private func seal(_ place: Int?, _ engine: Engine) throws(StoreError) {
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
    var cutBytes: Int64 = 0
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
    }
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
      var before = ring.start(of: min(now - settings.rawRetention, unsealed(ring, engine)))
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

  /// The oldest reading that is not sealed: it will be, with all that stands in its span.
  private func unsealed(_ ring: Ring, _ engine: Engine) -> Int64 { ring.series.map { engine.heads.unsealedFrom($0) }.min() ?? .max }

  private func note(_ expiry: Expiry, freed: Int64, _ engine: Engine) {
    expiries[expiry.place] = expiry.before
    guard expiry.resolution == nil, let place = engine.rings.all.firstIndex(where: { $0.id == expiry.ring.id }) else { return }
    let ring = engine.rings.all[place]
    let oldest = ring.series.compactMap { engine.rings.sealedSpans(of: $0)?.lowerBound }.min().map { ring.range(of: $0).lowerBound }
    let from = max(ring.keptFrom, oldest ?? expiry.before)
    engine.expired(ring: place, before: expiry.before, freed: freed)
    guard freed > 0, let clock = engine.clock, expiry.before > clock.milliseconds - engine.settings.rawRetention else { return }
    let before = Timestamp(milliseconds: expiry.before)
    engine.gap(
      cause: "ring_short", from: Timestamp(milliseconds: from), to: before,
      detail: "max_size is reached: readings of \(Self.devices(of: ring, engine)) were let go of before their time")
  }

  /// For people: the first few.
  private static func devices(of ring: Ring, _ engine: Engine) -> String {
    let devices = Set(ring.series.compactMap { engine.deviceOf[$0.int] }).sorted().map { engine.registry.devices[$0].id }
    return devices.prefix(3).joined(separator: ", ") + (devices.count > 3 ? " and \(devices.count - 3) more" : "")
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

  /// Where the store is nearly as large as it may be, what the rings must let go of that take more than their share of it: a device that is
  /// faster than its profile says shortens its own ring.
  private func shortened(_ engine: Engine) throws(StoreError) -> [Expiry] {
    let most = Int64(Double(sizeMax) * Self.fillMax) - logBytesMax
    do {
      return try file.read { db in
        let used = try StoreFile.bytesUsed(db)
        if used <= most { return [] }
        let space = max(0, most - (used - engine.rings.all.reduce(0) { $0 + $1.bytes }))
        let over = engine.rings.all.map { max(0, $0.bytes - Int64(Double(space) * (shares[$0.id] ?? 0))) }
        // No more than is needed goes: of each ring in proportion to what it has beyond its share.
        let part = min(1, Double(used - most) / Double(max(1, over.reduce(0, +))))
        return try zip(engine.rings.all, over).compactMap { ring, over in
          let excess = Int64((Double(over) * part).rounded(.up))
          guard excess > 0, let start = try ChunkTable.start(of: ring, freeing: excess, db) else { return nil }
          // Nothing of the future makes the present too old.
          let before = min(start, ring.start(of: min(unsealed(ring, engine), engine.clock?.milliseconds ?? .max)))
          return before > ring.keptFrom ? Expiry(ring: ring, before: before) : nil
        }
      }
    } catch let error as StoreError {
      throw error
    } catch {
      throw .unusable("\(file.directory)/\(StoreFile.name): \(error)")
    }
  }

  /// Of `sizeMax`: the rest is for what is written while rows still wait to go.
  private static let fillMax = 0.9

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

  /// Returns how many bytes of readings went.
  func apply(_ db: GRDB.Database) throws -> Int64 {
    if let resolution {
      try RollupTable.remove(resolution, ring: ring.id, before: before, db)
      return 0
    }
    return try ChunkTable.expire(ring, before: before, db)
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
