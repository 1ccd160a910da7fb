import Readings
import SeriesStore

/// The steps from each good reading of a window to the next: what delta, increase and flat ask for.
///
/// A new reading adds one step, the oldest takes one along as it leaves: O(1) amortised. Where T goes back over readings, or one is stored
/// behind others, the steps are added up anew.
struct StepWindow: WindowState {
  private(set) var end = Int64.min
  private var low: Int32 = 0
  private var high: Int32 = 0
  private(set) var good: Int32 = 0
  /// The first and the last good reading in the window; -1 where there is none.
  private var first: Int32 = -1
  private var last: Int32 = -1
  /// Steps between values that differ.
  private var changes: Int32 = 0
  /// Something was stored up to `end` since the last move.
  private var isStale = false
  /// The ts of the newest reading covered, at the last move: while it stands where it stood, what was stored came behind it.
  private var newestTime = Int64.min
  /// What the counter has counted, in units of the scale: a value lower than the one before counts from 0.
  private var counted: Int128 = 0

  init(kind: WindowKind) {}

  @inline(__always)
  mutating func move(to t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    if t == end && !isStale { return }
    moveAlong(to: t, width: width, scale: scale, over: head)
  }

  private mutating func moveAlong(to t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    // Safe: low <= high <= head.count; first and last lie in low ..< high.
    var (low, high) = (Int(low), Int(high))
    let isForeign =
      isStale && !head.isPrefix(high, endingAt: newestTime) || end == .min || (high > 0 && head.time(high - 1) > t)
      || (high < head.count && head.time(high) &- end > width)
    if isForeign { return restart(at: t, width: width, scale: scale, over: head) }
    while high < head.count, head.time(high) <= t {
      if head.isGood(high) { append(high, scale, head) }
      high += 1
    }
    let from = t &- width
    while low < high, head.time(low) <= from {
      // Where all that are left are good, this one is too, and need not be asked.
      if Int(good) == high &- low || head.isGood(low) { dropFirst(scale, head) }
      low += 1
    }
    while low > 0, head.time(low - 1) > from {
      low -= 1
      if head.isGood(low) { prepend(low, scale, head) }
    }
    (self.low, self.high, end) = (Int32(truncatingIfNeeded: low), Int32(truncatingIfNeeded: high), t)
    (isStale, newestTime) = (false, head.newestTime(of: high))
  }

  private mutating func restart(at t: Int64, width: Int64, scale: DecimalScale, over head: HeadView) {
    let range = head.range(end: t, width: width)
    self = StepWindow(kind: .steps)
    for index in range where head.isGood(index) { append(index, scale, head) }
    (low, high, end) = (Int32(truncatingIfNeeded: range.lowerBound), Int32(truncatingIfNeeded: range.upperBound), t)
    newestTime = head.newestTime(of: range.upperBound)
  }

  private mutating func append(_ index: Int, _ scale: DecimalScale, _ head: HeadView) {
    if last >= 0 { add(head.value(Int(last)), head.value(index), scale) } else { first = Int32(truncatingIfNeeded: index) }
    last = Int32(truncatingIfNeeded: index)
    good &+= 1
  }

  /// An older reading comes into the window, as T went back.
  private mutating func prepend(_ index: Int, _ scale: DecimalScale, _ head: HeadView) {
    if first >= 0 { add(head.value(index), head.value(Int(first)), scale) } else { last = Int32(truncatingIfNeeded: index) }
    first = Int32(truncatingIfNeeded: index)
    good &+= 1
  }

  private mutating func dropFirst(_ scale: DecimalScale, _ head: HeadView) {
    good &-= 1
    guard first != last else { return (first, last) = (-1, -1) }
    let old = head.value(Int(first))
    repeat { first &+= 1 } while !head.isGood(Int(first))
    let new = head.value(Int(first))
    counted &-= Self.step(old, new, scale)
    if old != new { changes &-= 1 }
  }

  @inline(__always) private mutating func add(_ old: Double, _ new: Double, _ scale: DecimalScale) {
    counted &+= Self.step(old, new, scale)
    if old != new { changes &+= 1 }
  }

  @inline(__always) private static func step(_ old: Double, _ new: Double, _ scale: DecimalScale) -> Int128 {
    let (a, b) = (scale.exact(old), scale.exact(new))
    return Int128(b) &- (b < a ? 0 : Int128(a))
  }

  mutating func noteInserted(_ ts: Int64, _ value: Double, isGood: Bool, _ spec: WindowSpec) {
    if ts <= end { isStale = true }
  }

  /// Last − first; NaN of nothing.
  @inline(__always) func delta(_ scale: DecimalScale, over head: HeadView) -> Double {
    guard good > 0 else { return .nan }
    let difference = Int128(scale.exact(head.value(Int(last)))) &- Int128(scale.exact(head.value(Int(first))))
    return ExactInteger.double(difference) / scale.factor
  }

  /// NaN of nothing.
  @inline(__always) func increase(_ scale: DecimalScale) -> Double { good == 0 ? .nan : ExactInteger.double(counted) / scale.factor }

  /// Are all good values equal? Unknown of nothing.
  @inline(__always) var isFlat: Truth { good == 0 ? .unknown : changes == 0 ? .true : .false }
}
