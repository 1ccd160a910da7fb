package import Readings

/// One reading in memory: its ts and its quality in one number, and its value.
@usableFromInline package struct Sample: Sendable {
  /// Milliseconds since the epoch times 256, and the `Quality` byte.
  @usableFromInline let stamp: Int64
  /// NaN where nothing was measured.
  @usableFromInline package let value: Double

  /// - Parameter ts: milliseconds since the epoch, within 2⁵⁵: what payloads may name, and what may be moved of it, lies far within.
  init(ts: Int64, value: Double, quality: Quality) {
    precondition((ts << 8) >> 8 == ts, "a reading's ts is within a million years")
    (stamp, self.value) = (ts << 8 | Int64(quality.byte), value)
  }

  /// Milliseconds since the epoch.
  @inlinable @inline(__always) package var time: Int64 { stamp >> 8 }
  package var quality: Quality { Quality(byte: UInt8(truncatingIfNeeded: stamp)) }
  /// Value functions see good readings that have a value.
  @inlinable @inline(__always) package var isGood: Bool { stamp & 0x7f == 0 && value == value }
}

/// One series' readings in order of ts. Valid until the heads change.
@usableFromInline @unsafe package struct HeadView {
  /// Of strictly rising ts.
  @usableFromInline package let samples: UnsafePointer<Sample>
  @usableFromInline package let count: Int
  /// The newest good value before the first of these; NaN where there is none.
  @usableFromInline package let goodBefore: Double

  @inlinable init(samples: UnsafeMutablePointer<Sample>, count: Int, goodBefore: Double) {
    unsafe self.samples = UnsafePointer(samples)
    unsafe self.count = count
    unsafe self.goodBefore = goodBefore
  }

  // Safe: indices are the caller's, below count.

  /// Milliseconds since the epoch.
  @inlinable @inline(__always) package func time(_ index: Int) -> Int64 { unsafe samples[index].time }
  /// NaN where nothing was measured.
  @inlinable @inline(__always) package func value(_ index: Int) -> Double { unsafe samples[index].value }
  package func quality(_ index: Int) -> Quality { unsafe samples[index].quality }
  /// Value functions see good readings that have a value.
  @inlinable @inline(__always) package func isGood(_ index: Int) -> Bool { unsafe samples[index].isGood }

  /// The number of readings before `t`.
  func count(before t: Int64) -> Int { unsafe t == .min ? 0 : upperBound(t - 1) }

  /// The number of readings with ts at or before `t`: the index after the last of them.
  @inlinable package func upperBound(_ t: Int64) -> Int {
    // Safe: the search stays within 0 ..< count.
    if unsafe count == 0 || time(count - 1) <= t { return unsafe count }
    var low = 0
    var high = unsafe count
    while low < high {
      let middle = (low + high) >> 1
      if unsafe time(middle) <= t { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
