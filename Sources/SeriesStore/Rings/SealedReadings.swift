package import Database
import GRDB
package import Readings

/// What is in chunks, read span by span. Keeps those that were read last: devices that are heard in turn share them.
package final class SealedReadings {
  private static let spansKept = 8

  private let file: StoreFile
  private var spans: [StoredSpan] = []
  /// Rows that cannot be read, which nobody was told of yet.
  private var damaged: [DamagedRow] = []
  /// Their numbers, and those of such rows before: they hold nothing any more.
  private var passedOver: Set<Int64> = []

  package init(file: StoreFile) { self.file = file }

  /// Rows have been written.
  package func forget() { spans.removeAll() }

  /// The rows that could not be read since this was last asked: what they held counts as gone.
  package func takeDamaged() -> [DamagedRow] {
    defer { damaged = [] }
    return damaged
  }

  /// Brings a series' sealed readings back into its head, as far as an evaluation at `t` needs them: those of (t - reach, t], `least` of
  /// them up to `t`, and the newest good one up to `t`. Where they are there already, nothing changes.
  ///
  /// - Throws: `StoreError`, and the database's errors.
  package func bringBack(
    _ series: SeriesID, of rings: Rings, into heads: inout SeriesHeads, for t: Int64, reach: Milliseconds, least: Int
  ) throws {
    let covered = heads.coveredFrom(series)
    guard covered != .min, heads.evaluableFrom(series, reach: reach, least: least) > t else { return }
    // Who was never heard is not looked for in all that others have said.
    guard let known = rings.sealedSpans(of: series) else { return heads.merge(SeriesChunk(), into: series, coveredFrom: .min) }
    let ring = rings[of: series]
    var held = SeriesChunk()
    heads.copy(series, from: .min, to: .max, into: &held)
    var found = Found(t: t, least: least)
    found.count(held.part(from: covered, to: .max), before: .max)
    var parts: [SeriesChunk] = []
    var end = min(known.upperBound, covered == .max ? .max : ring.span(of: covered - 1)) + 1
    var from = Int64.min
    while let span = try file.read({ db in try ChunkTable.span(ring: ring.id, before: end, db) }), span >= known.lowerBound {
      let range = ring.range(of: span)
      if range.upperBound <= t - reach, found.isEnough {
        from = range.upperBound
        break
      }
      let part = try stored(ring, span).readings(of: series)
      found.count(part, before: covered)
      parts.append(part)
      end = span
    }
    var chunk = SeriesChunk()
    for part in parts.reversed() { chunk.append(part) }
    heads.merge(chunk, into: series, coveredFrom: from)
    let all = chunk.merged(with: held).part(from: from, to: .max)
    heads.trim(series, before: t - reach, least: max(least, all.count - all.place(of: t, least: least)))
  }

  /// What was found up to `t` so far. What is in heads and in chunks counts once: in chunks only what is before heads' cover.
  private struct Found {
    let t: Int64
    let least: Int
    private var upTo = 0
    private var hasGood = false

    init(t: Int64, least: Int) { (self.t, self.least) = (t, least) }

    var isEnough: Bool { upTo >= least && hasGood }

    mutating func count(_ chunk: SeriesChunk, before end: Int64) {
      for place in chunk.times.indices where chunk.times[place] <= t && chunk.times[place] < end {
        upTo += 1
        if !hasGood, chunk.isGood(place) { hasGood = true }
      }
    }
  }

  private func stored(_ ring: Ring, _ span: Int64) throws -> StoredSpan {
    if let place = spans.firstIndex(where: { $0.is(ring: ring.id, span: span) }) {
      spans.append(spans.remove(at: place))
      return spans[spans.count - 1]
    }
    let parts = try file.read { db in try ChunkTable.parts(ring: ring.id, span: span, db) }
    spans.append(try sound(parts, ring, span))
    if spans.count > Self.spansKept { spans.removeFirst() }
    return spans[spans.count - 1]
  }

  /// What can be read of the span.
  private func sound(_ parts: [ChunkTable.Part], _ ring: Ring, _ span: Int64) throws(StoreError) -> StoredSpan {
    while true {
      do throws(StoreError) {
        return try StoredSpan(parts.filter { !passedOver.contains($0.number) }, ring: ring, span: span)
      } catch {
        guard case .damagedRow(let row) = error else { throw error }
        passedOver.insert(row.number)
        damaged.append(row)
      }
    }
  }
}

extension SeriesChunk {
  /// The first of the `least` readings up to `t`, or of those from the newest good one on, whichever is older.
  fileprivate func place(of t: Int64, least: Int) -> Int {
    let upTo = times.partitionPoint(after: t)
    let good = (0..<upTo).last(where: isGood) ?? 0
    return max(0, min(upTo - least, good))
  }
}

extension [Int64] {
  /// How many of the rising numbers are at or below `t`.
  fileprivate func partitionPoint(after t: Int64) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) >> 1
      if self[middle] <= t { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
