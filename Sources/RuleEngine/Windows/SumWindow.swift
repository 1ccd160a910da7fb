import Readings
import SeriesStore

/// The exact sum and the number of the good readings of a window: what mean and count ask for.
///
/// The sum is an integer of the metric's decimal scale, so that adding and taking away in any order gives the same.
struct SumWindow {
  /// The T of the last move; `Int64.min` before the first.
  private(set) var end = Int64.min
  /// The head's readings covered: low ..< high.
  private var low: Int32 = 0
  private var high: Int32 = 0
  private(set) var good: Int32 = 0
  private var sum: Int128 = 0

  @inline(__always) private mutating func add(_ value: Double, _ scale: DecimalScale) {
    sum &+= Int128(truncatingIfNeeded: scale.exact(value))
    good &+= 1
  }
  @inline(__always) private mutating func take(_ value: Double, _ scale: DecimalScale) {
    sum &-= Int128(truncatingIfNeeded: scale.exact(value))
    good &-= 1
  }

  /// Moves to (t - width, t], forwards or backwards: each reading is added and taken away once a passage.
  @inline(__always)
  mutating func move(to t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    if t == end { return }
    moveAlong(to: t, width: width, scale: scale, over: head)
  }

  private mutating func moveAlong(to t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    // Safe: low <= high <= head.count at every step: each index is compared with its bound before it is read.
    var (low, high) = (Int(low), Int(high))
    if high < head.count, head.times[high] <= t {
      if end == .min || head.times[high] &- end > width { return restart(at: t, width: width, scale: scale, over: head) }
      repeat {
        if head.isGood(high) { add(head.values[high], scale) }
        high += 1
      } while high < head.count && head.times[high] <= t
    } else {
      while high > 0, head.times[high - 1] > t {
        high -= 1
        if high < low {
          low = high
        } else if head.isGood(high) {
          take(head.values[high], scale)
        }
      }
    }
    let from = t &- width
    while low < high, head.times[low] <= from {
      if head.isGood(low) { take(head.values[low], scale) }
      low += 1
    }
    while low > 0, head.times[low - 1] > from {
      low -= 1
      if head.isGood(low) { add(head.values[low], scale) }
    }
    (self.low, self.high, end) = (Int32(truncatingIfNeeded: low), Int32(truncatingIfNeeded: high), t)
  }

  /// The window anew, where nothing of the old one can be left in it.
  private mutating func restart(at t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    let range = head.range(end: t, width: width)
    (sum, good) = (0, 0)
    for index in range where head.isGood(index) { add(head.values[index], scale) }
    (low, high, end) = (Int32(truncatingIfNeeded: range.lowerBound), Int32(truncatingIfNeeded: range.upperBound), t)
  }

  /// A reading was stored, maybe behind others. One after `end` is met by the next move.
  mutating func noteInserted(_ ts: Int64, _ value: Double, _ isGood: Bool, width: Int64, scale: DecimalScale) {
    if ts > end { return }
    high += 1
    if ts <= end &- width {
      low += 1
    } else if isGood {
      add(value, scale)
    }
  }

  /// The mean, computed in this one way; NaN of nothing.
  @inline(__always) func mean(_ scale: DecimalScale) -> Double {
    good == 0 ? .nan : SumWindow.double(sum) / (Double(good) * scale.factor)
  }

  /// Sums of sensors' readings fit 64 bits but for the largest; both ways are functions of the sum alone.
  @inline(__always) private static func double(_ sum: Int128) -> Double {
    let short = Int64(truncatingIfNeeded: sum)
    return Int128(truncatingIfNeeded: short) == sum ? Double(short) : Double(sum)
  }
}
