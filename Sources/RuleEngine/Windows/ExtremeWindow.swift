import CPrefetch
import Readings
import SeriesStore

/// The least or the greatest good value of a window.
///
/// A ring holds copies of the readings that may still become the extreme: each beats all after it. A new reading drops those that it
/// beats, so that each enters and leaves once. Where T goes back over readings, or one is stored before others, the ring is made anew.
/// It holds copies, as readings in the middle of a series are in no cache.
struct ExtremeWindow: WindowState {
  private(set) var end = Int64.min
  private var low: Int32 = 0
  private var high: Int32 = 0
  private(set) var good: Int32 = 0
  /// Something was stored up to `end` since the last move.
  private var isStale = false
  /// The ts of the newest reading covered, at the last move: while it stands where it stood, what was stored came behind it.
  private var newestTime = Int64.min
  private let isMaximum: Bool
  /// Oldest first, from `first` on, `count` of them; the capacity is a power of two.
  private var ring: UnsafeMutablePointer<Sample>?
  private var capacity: Int32 = 0
  private var first: Int32 = 0
  private var count: Int32 = 0

  init(kind: WindowKind) { isMaximum = kind == .maximum }

  func free() { ring?.deallocate() }

  @inline(__always) private func place(_ position: Int32) -> Int { Int((first &+ position) & (capacity &- 1)) }

  /// Of equal values the later one stays: it is in the window for longer.
  @inline(__always) private func beats(_ a: Double, _ b: Double) -> Bool { isMaximum ? a >= b : a <= b }

  @inline(__always)
  mutating func move(to t: Int64, width: Int64, over head: HeadView) {
    if t == end && !isStale { return }
    moveAlong(to: t, width: width, over: head)
  }

  private mutating func moveAlong(to t: Int64, width: Int64, over head: HeadView) {
    // Safe: low <= high <= head.count, and the ring is read within its capacity.
    var (low, high) = (Int(low), Int(high))
    let isForeign =
      isStale && !head.isPrefix(high, endingAt: newestTime) || end == .min || (high > 0 && head.time(high - 1) > t)
      || (high < head.count && head.time(high) &- end > width)
    if isForeign { return restart(at: t, width: width, over: head) }
    while high < head.count, head.time(high) <= t {
      if head.isGood(high) { append(high, over: head) }
      high += 1
    }
    let from = t &- width
    while low < high, head.time(low) <= from {
      // Where all that are left are good, this one is too, and need not be asked.
      if Int(good) == high &- low || head.isGood(low) {
        good &-= 1
        if count > 0, ring![place(0)].time <= from {
          first = (first &+ 1) & (capacity &- 1)
          count &-= 1
        }
      }
      low += 1
    }
    while low > 0, head.time(low - 1) > from {
      low -= 1
      if head.isGood(low) { prepend(low, over: head) }
    }
    (self.low, self.high, end) = (Int32(truncatingIfNeeded: low), Int32(truncatingIfNeeded: high), t)
    (isStale, newestTime) = (false, head.newestTime(of: high))
  }

  private mutating func restart(at t: Int64, width: Int64, over head: HeadView) {
    let range = head.range(end: t, width: width)
    (good, first, count, isStale) = (0, 0, 0, false)
    for index in range where head.isGood(index) { append(index, over: head) }
    (low, high, end) = (Int32(truncatingIfNeeded: range.lowerBound), Int32(truncatingIfNeeded: range.upperBound), t)
    newestTime = head.newestTime(of: range.upperBound)
  }

  private mutating func append(_ index: Int, over head: HeadView) {
    let sample = head.samples[index]
    while count > 0, beats(sample.value, ring![place(count &- 1)].value) { count &-= 1 }
    if count == capacity { grow() }
    count &+= 1
    ring![place(count &- 1)] = sample
    good &+= 1
  }

  /// An older reading comes into the window, as T went back: it matters if nothing after it beats it.
  private mutating func prepend(_ index: Int, over head: HeadView) {
    let sample = head.samples[index]
    good &+= 1
    if count > 0, beats(ring![place(0)].value, sample.value) { return }
    if count == capacity { grow() }
    first = (first &- 1) & (capacity &- 1)
    count &+= 1
    ring![place(0)] = sample
  }

  /// Twice the room (8 at first): steady windows stop growing.
  private mutating func grow() {
    let larger = max(8, capacity * 2)
    let new = UnsafeMutablePointer<Sample>.allocate(capacity: Int(larger))
    // Safe: `count` is at most the old capacity; what is behind is written before it is read, and is plain bytes.
    for position in 0..<count { (new + Int(position)).initialize(to: ring![place(position)]) }
    ring?.deallocate()
    (ring, capacity, first) = (new, larger, 0)
  }

  /// Asks for both ends of the ring.
  @inline(__always) func prefetch() {
    guard let ring else { return }
    thuong_prefetch(ring + place(0))
    thuong_prefetch(ring + place(count &- 1))
  }

  mutating func noteInserted(_ ts: Int64, _ value: Double, isGood: Bool, _ spec: WindowSpec) {
    if ts <= end { isStale = true }
  }

  /// The extreme; NaN of nothing. Minus zero is zero.
  @inline(__always) var value: Double { count == 0 ? .nan : ring![place(0)].value + 0.0 }
}
