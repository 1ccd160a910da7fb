import Database
import DeviceRegistry
import GRDB
import Outbox
import Readings
import SeriesStore

/// What goes: beyond retention, and before its time where the store is nearly as large as it may be.
extension GatewayStore {
  /// What lies beyond retention and was not let go of yet. A clock that may be wrong lets nothing expire; one that is ahead of all that was
  /// ever heard, as after a start with a wrong clock, no more than the newest reading would.
  func expired(_ engine: Engine) -> [Expiry] {
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

  func note(_ expiry: Expiry, freed: Int64, _ engine: Engine) {
    expiries[expiry.place] = expiry.before
    guard expiry.resolution == nil, let place = engine.rings.all.firstIndex(where: { $0.id == expiry.ring.id }) else { return }
    engine.expired(ring: place, before: expiry.before, freed: freed)
  }

  static let shortRing = "ring_short"

  /// What is told of readings that go before their time.
  func gaps(of expired: [Expiry], _ engine: Engine) throws(StoreError) -> [EventRecord] {
    guard let clock = engine.clock else { return [] }
    let early = expired.filter { $0.resolution == nil && $0.before > clock.milliseconds - engine.settings.rawRetention }
    let rings = engine.rings
    let stored = try reading { db in try early.filter { try ChunkTable.hasRows($0.ring, before: $0.before, db) } }
    return stored.map { expiry in
      let oldest = expiry.ring.series.compactMap { rings.sealedSpans(of: $0)?.lowerBound }.min().map {
        expiry.ring.range(of: $0).lowerBound
      }
      let from = max(expiry.ring.keptFrom, oldest ?? expiry.before)
      return GatewayEvent.gap(
        instance: engine.settings.instance, cause: Self.shortRing, from: Timestamp(milliseconds: min(from, expiry.before)),
        to: Timestamp(milliseconds: expiry.before), count: nil,
        detail: "max_size is reached: readings of \(engine.devices(of: expiry.ring)) were let go of before their time",
        detectedAt: clock)
    }
  }

  /// Where the store is nearly as large as it may be, what the rings must let go of that take more than their share of it: a device that is
  /// faster than its profile says shortens its own ring.
  func shortened(_ engine: Engine) throws(StoreError) -> [Expiry] {
    let most = Int64(Double(sizeMax) * Self.fillMax) - logBytesMax
    return try reading { db in
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
  }

  /// Of `sizeMax`: the rest is for what is written while rows still wait to go.
  private static let fillMax = 0.9

  /// The newest instant of which there is a reading; of what is sealed, the end of its span.
  func newest(_ engine: Engine) -> Int64? {
    engine.rings.all.lazy.flatMap(\.series).compactMap { series in
      let ring = engine.rings[of: series]
      let sealed = engine.rings.sealedSpans(of: series).map { ring.range(of: $0.upperBound).upperBound }
      let held = engine.heads.newest(series)?.milliseconds
      return sealed.map { max($0, held ?? .min) } ?? held
    }.max()
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
