import Readings

/// The readings of one series.
@usableFromInline @unsafe struct Head {
  @usableFromInline var samples: UnsafeMutablePointer<Sample>
  @usableFromInline var held: Int32 = 0
  private(set) var room: Int32 = 0
  /// The newest good value before the first reading here; NaN where there is none, or where that is not known.
  @usableFromInline private(set) var goodBefore = Double.nan
  /// See `SeriesHeads.coveredFrom`.
  var coveredFrom = Int64.min
  /// The oldest reading that is not sealed.
  var unsealedFrom = Int64.max
  private(set) var isGoodBeforeKnown = true

  var count: Int { unsafe Int(held) }
  var bytes: Int { unsafe Int(room) * MemoryLayout<Sample>.stride }
  var isFull: Bool { unsafe held == room }

  init() {
    // Safe: there is no room, so nothing is read or written before grow().
    unsafe samples = .allocate(capacity: 0)
  }

  func free() { unsafe samples.deallocate() }

  /// - Parameter value: nil where it is not known.
  mutating func setGoodBefore(_ value: Double?) { unsafe (goodBefore, isGoodBeforeKnown) = (value ?? .nan, value != nil) }

  /// Room for half as many again (16 at the least). Returns the bytes added.
  mutating func grow() -> Int {
    let before = unsafe bytes
    unsafe take(room: max(16, count + count / 2), from: 0)
    return unsafe bytes - before
  }

  /// The first `dropped` readings go, and the room they took.
  mutating func drop(_ dropped: Int) {
    let left = unsafe count - dropped
    unsafe take(room: max(16, left + left / 4), from: dropped)
  }

  /// Takes the readings from index `first` on to new memory.
  private mutating func take(room: Int, from first: Int) {
    let new = UnsafeMutablePointer<Sample>.allocate(capacity: room)
    // Safe: `room` is at least what is left from `first` on.
    unsafe new.moveInitialize(from: samples + first, count: count - first)
    unsafe samples.deallocate()
    unsafe (samples, held, self.room) = (new, Int32(count - first), Int32(room))
  }

  mutating func replace(with chunk: SeriesChunk) {
    unsafe free()
    let room = max(16, chunk.count + chunk.count / 4)
    unsafe (samples, self.room, held) = (.allocate(capacity: room), Int32(room), Int32(chunk.count))
    for index in 0..<chunk.count {
      // Safe: index is below the new capacity.
      unsafe (samples + index).initialize(
        to: Sample(ts: chunk.times[index], value: chunk.column.values[index], quality: Quality(byte: chunk.column.qualities[index])))
    }
  }

  /// The first index whose ts is at or after `ts`; `ts` is not after the last.
  func lowerBound(_ ts: Int64) -> Int {
    var low = 0
    var high = unsafe count - 1
    while low < high {
      let middle = (low + high) >> 1
      // Safe: middle is within 0 ..< count.
      if unsafe samples[middle].time < ts { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func insert(_ reading: Reading, at place: Int) {
    // Safe: count < capacity here; the elements from `place` move up by one.
    let behind = unsafe count - place
    if behind > 0 { unsafe (samples + place + 1).update(from: samples + place, count: behind) }
    unsafe (samples + place).initialize(to: Sample(ts: reading.ts.milliseconds, value: reading.value, quality: reading.quality))
    unsafe held += 1
  }
}
