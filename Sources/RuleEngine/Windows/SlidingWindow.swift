import Readings
import SeriesStore

/// A window over which something is added up. Each reading enters and leaves once a passage of T: O(1) amortised, but for what the sums
/// themselves take.
struct SlidingWindow<Sums: WindowSums>: WindowState {
  /// The T of the last move; `Int64.min` before the first.
  private(set) var end = Int64.min
  /// The head's readings covered: low ..< high.
  private var low: Int32 = 0
  private var high: Int32 = 0
  /// Good readings in the window.
  private(set) var good: Int32 = 0
  private(set) var sums = Sums()

  init(kind: WindowKind) {}

  func free() { sums.free() }

  /// Moves to (t - width, t], forwards or backwards.
  @inline(__always)
  mutating func move(to t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    if t == end { return }
    moveAlong(to: t, width: width, scale: scale, over: head)
  }

  private mutating func moveAlong(to t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    // Safe: low <= high <= head.count at every step: each index is compared with its bound before it is read.
    var (low, high) = (Int(low), Int(high))
    if high < head.count, head.time(high) <= t {
      if end == .min || head.time(high) &- end > width { return restart(at: t, width: width, scale: scale, over: head) }
      repeat {
        if head.isGood(high) { add(high, scale, head) }
        high += 1
      } while high < head.count && head.time(high) <= t
    } else {
      while high > 0, head.time(high - 1) > t {
        high -= 1
        if high < low {
          low = high
        } else if head.isGood(high) {
          take(high, scale, head)
        }
      }
    }
    let from = t &- width
    while low < high, head.time(low) <= from {
      // Where all that are left are good, this one is too, and need not be asked.
      if Int(good) == high &- low || head.isGood(low) { take(low, scale, head) }
      low += 1
    }
    while low > 0, head.time(low - 1) > from {
      low -= 1
      if head.isGood(low) { add(low, scale, head) }
    }
    (self.low, self.high, end) = (Int32(truncatingIfNeeded: low), Int32(truncatingIfNeeded: high), t)
    sums.settle(at: t, width: width, good: good)
  }

  @inline(__always) private mutating func add(_ index: Int, _ scale: DecimalScale, _ head: HeadView) {
    sums.add(head.time(index), head.value(index), scale)
    good &+= 1
  }
  @inline(__always) private mutating func take(_ index: Int, _ scale: DecimalScale, _ head: HeadView) {
    sums.take(head.time(index), head.value(index), scale)
    good &-= 1
  }

  /// The window anew, where nothing of the old one can be left in it.
  private mutating func restart(at t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    let range = head.range(end: t, width: width)
    sums.begin(at: t)
    good = 0
    for index in range where head.isGood(index) { add(index, scale, head) }
    (low, high, end) = (Int32(truncatingIfNeeded: range.lowerBound), Int32(truncatingIfNeeded: range.upperBound), t)
  }

  mutating func noteInserted(_ ts: Int64, _ value: Double, isGood: Bool, _ spec: WindowSpec) {
    if ts > end { return }
    high += 1
    if ts <= end &- spec.width {
      low += 1
    } else if isGood {
      sums.add(ts, value, spec.scale)
      good &+= 1
    }
  }
}

extension SlidingWindow where Sums: ValueSums {
  /// Computed in this one way; NaN of nothing.
  @inline(__always) func mean(_ scale: DecimalScale) -> Double {
    good == 0 ? .nan : ExactInteger.double(sums.sum) / (Double(good) * scale.factor)
  }

  /// NaN of nothing.
  @inline(__always) func total(_ scale: DecimalScale) -> Double { good == 0 ? .nan : ExactInteger.double(sums.sum) / scale.factor }
}
