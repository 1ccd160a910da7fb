package import Database
import DeviceRegistry
import GRDB
package import Readings
import SeriesStore

/// Rows of chunks and rollups that are not what was written: they go into quarantine, what was lost with them is told as a gap, and the
/// store goes on without them.
extension GatewayStore {
  /// Does the work, setting aside what it finds damaged, until it finds no more. To be called between batches.
  ///
  /// - Throws: `StoreError.damaged` where the work finds a row damaged again that is sound by itself.
  func withoutDamage(_ engine: Engine, realNow: Timestamp, _ work: () throws(StoreError) -> Void) throws(StoreError) {
    var sound: DamagedRow?
    while true {
      do throws(StoreError) { return try work() } catch {
        guard case .damagedRow(let row) = error else { throw error }
        if row == sound { throw .damaged(row.what) }
        if try !setAside(row, engine, realNow: realNow) { sound = row }
      }
    }
  }

  /// Sets a row aside, in a commit of its own. To be called between batches.
  ///
  /// - Returns: false where it can be read.
  /// - Throws: as `commit`.
  @discardableResult
  package func setAside(_ row: DamagedRow, _ engine: Engine, realNow: Timestamp) throws(StoreError) -> Bool {
    precondition(engine.isBatchEmpty, "between batches")
    guard try isDamaged(row, engine) else { return false }
    // What is finer may be damaged too, and is set aside before.
    var remade: [UInt8]?
    try withoutDamage(engine, realNow: realNow) { () throws(StoreError) in remade = try self.remade(row, engine) }
    engine.setAside(row, remade: remade)
    _ = try commit(engine, realNow: realNow)
    sealed.forget()
    return true
  }

  /// A read of what was written.
  func reading<T>(_ body: (GRDB.Database) throws -> T) throws(StoreError) -> T {
    do { return try file.read(body) } catch let error as StoreError { throw error } catch {
      throw .unusable("\(file.directory)/\(StoreFile.name): \(error)")
    }
  }

  /// Whoever read it may have read it from a disk that gives something else the second time.
  private func isDamaged(_ row: DamagedRow, _ engine: Engine) throws(StoreError) -> Bool {
    do throws(StoreError) {
      try reading { db in
        switch row.table {
        case .chunk:
          let (number, span) = ChunkTable.place(of: row.number)
          guard let ring = engine.rings.all.first(where: { $0.id == number }), let body = try ChunkTable.body(of: row.number, db) else {
            return
          }
          _ = try StoredSpan([ChunkTable.Part(number: row.number, body: body)], ring: ring, span: span)
        case .rollup:
          guard let place = RollupTable.place(of: row.number), let ring = engine.rings.all.first(where: { $0.id == place.ring }) else {
            return
          }
          _ = try RollupTable.stored(place.resolution, ring: ring.id, row: place.row, db)?.buckets(of: ring.series)
        }
      }
    } catch {
      guard case .damagedRow = error else { throw error }
      return true
    }
    return false
  }

  private func remade(_ row: DamagedRow, _ engine: Engine) throws(StoreError) -> [UInt8]? {
    guard row.table == .rollup, let place = RollupTable.place(of: row.number),
      let ring = engine.rings.all.first(where: { $0.id == place.ring })
    else { return nil }
    return try reading { db in
      var roller = Roller()
      return try roller.remade(place.resolution, row: place.row, of: ring, db)
    }
  }
}

extension Engine {
  /// The row holds nothing any more, from this batch on.
  ///
  /// - Parameter remade: of a rollup row, what takes its place.
  func setAside(_ row: DamagedRow, remade: [UInt8]? = nil) {
    let at = clock ?? Timestamp(milliseconds: row.to)
    changes.damaged.append(SetAside(row: row, at: at, remade: remade))
    guard let lost = lost(row) else { return }
    let devices = ring(of: row).map { ": readings of \(self.devices(of: $0))" } ?? ""
    gap(
      cause: "damaged", from: Timestamp(milliseconds: lost.lowerBound), to: Timestamp(milliseconds: lost.upperBound),
      detail: "\(row.what)\(devices)")
  }

  /// Of what a rollup row held only that is lost of which nothing finer is kept.
  private func lost(_ row: DamagedRow) -> Range<Int64>? {
    guard row.table == .rollup, let resolution = RollupTable.place(of: row.number)?.resolution, let ring = ring(of: row) else {
      return row.from..<max(row.from, row.to)
    }
    var finerFrom = ring.keptFrom
    if let finer = resolution.finer, let clock, let retention = settings.rollupRetention[finer] {
      finerFrom = finer.rowStart(of: clock.milliseconds - retention) + finer.rows.length
    }
    return finerFrom > row.from ? row.from..<min(row.to, finerFrom) : nil
  }

  private func ring(of row: DamagedRow) -> Ring? {
    let number = row.table == .chunk ? ChunkTable.place(of: row.number).ring : RollupTable.place(of: row.number)?.ring
    return rings.all.first { $0.id == number }
  }

  /// For people: the first few.
  func devices(of ring: Ring) -> String {
    let devices = Set(ring.series.compactMap { deviceOf[$0.int] }).sorted().map { registry.devices[$0].id }
    return devices.prefix(3).joined(separator: ", ") + (devices.count > 3 ? " and \(devices.count - 3) more" : "")
  }
}
