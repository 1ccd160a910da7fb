import Readings
import SeriesStore

/// The newest good reading up to T, however old. Keeps its place, so that a long fault is not searched through at each evaluation.
struct LatestWindow: WindowState {
  private(set) var end = Int64.min
  /// Readings up to `end`.
  private var high: Int32 = 0
  /// The newest good one of them; -1 where there is none.
  private var newest: Int32 = -1
  /// Something was stored up to `end` since the last move.
  private var isStale = false
  /// The ts of the newest reading covered, at the last move: while it stands where it stood, what was stored came behind it.
  private var newestTime = Int64.min

  init(kind: WindowKind) {}

  @inline(__always)
  mutating func move(to t: Int64, over head: HeadView) {
    if t == end && !isStale { return }
    // Safe: every index read lies below head.count.
    var high = Int(high)
    let isBehind = high > 0 && head.time(high - 1) > t
    if isStale && !head.isPrefix(high, endingAt: newestTime) || isBehind || end == .min {
      high = head.upperBound(t)
      var index = high - 1
      while index >= 0, !head.isGood(index) { index -= 1 }
      newest = Int32(truncatingIfNeeded: index)
    } else {
      while high < head.count, head.time(high) <= t {
        if head.isGood(high) { newest = Int32(truncatingIfNeeded: high) }
        high += 1
      }
    }
    self.high = Int32(truncatingIfNeeded: high)
    end = t
    (isStale, newestTime) = (false, head.newestTime(of: high))
  }

  mutating func noteInserted(_ ts: Int64, _ value: Double, isGood: Bool, _ spec: WindowSpec) {
    if ts <= end { isStale = true }
  }

  @inline(__always) func value(over head: HeadView) -> Double { newest < 0 ? head.goodBefore : head.value(Int(newest)) }
}
