import Readings

/// The readings of one series over a span, in order of ts.
package struct SeriesChunk: Hashable, Sendable {
  /// Milliseconds since the epoch, strictly rising.
  package var times: [Int64] = []
  package var column = ValueColumn()

  package init() {}
  package init(times: [Int64], column: ValueColumn) { (self.times, self.column) = (times, column) }

  /// What a head holds.
  init(_ head: Head) {
    reserve(unsafe head.count)
    // Safe: a head holds `count` readings.
    for index in unsafe 0..<head.count { unsafe append(head.samples[index]) }
  }

  package var count: Int { times.count }
  package var isEmpty: Bool { times.isEmpty }

  /// Room for so many at once, where nothing is here yet.
  mutating func reserve(_ most: Int) {
    guard isEmpty else { return }
    times.reserveCapacity(most)
    column.values.reserveCapacity(most)
    column.qualities.reserveCapacity(most)
  }

  @inline(__always) mutating func append(_ sample: Sample) { append(sample.time, sample.value, sample.quality.byte) }

  @inline(__always) package mutating func append(_ ts: Int64, _ value: Double, _ quality: UInt8) {
    times.append(ts)
    column.values.append(value)
    column.qualities.append(quality)
  }

  /// The memory stays.
  mutating func removeAll() {
    times.removeAll(keepingCapacity: true)
    column.values.removeAll(keepingCapacity: true)
    column.qualities.removeAll(keepingCapacity: true)
  }

  /// - Parameter later: begins after this one's last.
  mutating func append(_ later: SeriesChunk) {
    times += later.times
    column.values += later.column.values
    column.qualities += later.column.qualities
  }

  /// Both in order of ts; of a ts that both have, this one's reading stands.
  package func merged(with other: SeriesChunk) -> SeriesChunk {
    if isEmpty { return other }
    var all = SeriesChunk()
    if let last = times.last, other.times.first ?? .max > last {
      all = self
      all.append(other)
      return all
    }
    var (mine, its) = (0, 0)
    while mine < count || its < other.count {
      if its == other.count || (mine < count && times[mine] <= other.times[its]) {
        if its < other.count, times[mine] == other.times[its] { its += 1 }
        all.append(times[mine], column.values[mine], column.qualities[mine])
        mine += 1
      } else {
        all.append(other.times[its], other.column.values[its], other.column.qualities[its])
        its += 1
      }
    }
    return all
  }

  /// The readings in [from, to).
  package func part(from: Int64, to: Int64) -> SeriesChunk {
    var part = SeriesChunk()
    for index in times.indices where times[index] >= from && times[index] < to {
      part.append(times[index], column.values[index], column.qualities[index])
    }
    return part
  }

  /// Value functions see good readings that have a value.
  package func isGood(_ index: Int) -> Bool { Quality(byte: column.qualities[index]).isGood && !column.values[index].isNaN }
}
