import Database
import Readings
import RuleEngine
import SeriesStore

/// Heads hold the newest readings; what an instant needs of those that are sealed comes back from chunks.
extension Engine {
  /// Readings before the newest that stay in heads at least: what an alert tells as evidence.
  static let evidencePoints = 60

  /// To be called before anything is stored or evaluated for the device at `t`.
  @inline(__always) func cover(_ device: Int, at t: Timestamp) {
    if t.milliseconds < evaluableFrom[device] { bringBack(device, for: t) }
  }

  private func bringBack(_ device: Int, for t: Timestamp) {
    guard let history, historyFault == nil else { return }
    if heads.bytes > max(settings.headBytesMax, trimmedTo + trimmedTo / 2) { trimHeads() }
    do {
      for series in seriesOf[device] {
        try history.bringBack(
          series, of: rings, into: &heads, for: t.milliseconds, reach: reach[device], least: Self.evidencePoints)
        // What was never sealed counts already.
        newestGood[series.int] = max(newestGood[series.int], heads.newestGood(series) ?? .min)
      }
    } catch let error as StoreError {
      historyFault = error
    } catch {
      historyFault = .unusable("a chunk cannot be read: \(error)")
    }
    for row in history.takeDamaged() { setAside(row) }
    headsChanged(device)
  }

  private func headsChanged(_ device: Int) {
    evaluator.headsChanged(device: device)
    evaluableFrom[device] =
      seriesOf[device].map { heads.evaluableFrom($0, reach: reach[device], least: Self.evidencePoints) }.max() ?? .min
  }

  /// What a ring's series have is sealed up to the last commit: only what rules need stays in heads.
  func sealed(ring place: Int, through row: Int64) {
    for series in rings.all[place].series { heads.setSealed(series) }
    rings.sealed(place, through: row)
    trimHeads(of: place)
  }

  /// The ring has let go of what is before `t`.
  func expired(ring place: Int, before t: Int64, freed bytes: Int64) {
    rings.expired(place, before: t, freed: bytes)
    for series in rings.all[place].series { if let device = deviceOf[series.int] { keptFrom[device] = max(keptFrom[device], t) } }
  }

  /// What was brought back for what came very late makes room. What is not sealed stays.
  private func trimHeads() {
    for place in rings.all.indices { trimHeads(of: place) }
    trimmedTo = heads.bytes
  }

  private func trimHeads(of place: Int) {
    var changed: Set<Int> = []
    for series in rings.all[place].series {
      guard let newest = heads.newest(series) else { continue }
      let device = deviceOf[series.int]
      let reach = device.map { self.reach[$0] } ?? settings.reachLeast
      let hasDropped = heads.trim(series, before: newest.milliseconds - reach, least: Self.evidencePoints)
      if hasDropped, let device { changed.insert(device) }
    }
    for device in changed { headsChanged(device) }
  }

  /// Before the log is read: what series have in chunks is in no head yet.
  func setUncovered() {
    for series in rings.all.flatMap(\.series) where rings.sealedSpans(of: series) != nil {
      heads.setUncovered(series)
      if let device = deviceOf[series.int] { evaluableFrom[device] = .max }
    }
  }
}

extension Engine {
  /// A reading of that row of the log, unless it is sealed.
  func recovered(_ reading: Reading, row: Int64) {
    guard row > rings[of: reading.series].sealedThrough else { return }
    _ = heads.insert(reading)
    rings.note(reading.series, ts: reading.ts.milliseconds, row: row)
    noteNewest(reading)
  }
}
