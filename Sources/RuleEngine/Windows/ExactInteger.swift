/// What windows' exact sums come to, and the one way in which exact integers become doubles: rounded to nearest, ties to even, whatever
/// the width they were computed in.
package enum ExactInteger {
  /// As `Double(value)`, which is slow beyond 64 bits.
  @inline(__always) package static func double(_ value: Int128) -> Double {
    let short = Int64(truncatingIfNeeded: value)
    if Int128(truncatingIfNeeded: short) == value { return Double(short) }
    let size = rounded(0, value.magnitude)
    return value < 0 ? -size : size
  }

  /// n·a − x·y, exact whatever the four are, then rounded once.
  ///
  /// With n below 2²³, as windows have it, sums of up to 102 bits and factors of up to 64 need 128 bits: those of sensors always. Others
  /// are computed in 256.
  @inline(__always) package static func determinant(_ n: Int64, _ a: Int128, _ x: Int128, _ y: Int128) -> Double {
    let (shortX, shortY) = (Int64(truncatingIfNeeded: x), Int64(truncatingIfNeeded: y))
    let isShort = Int128(truncatingIfNeeded: shortX) == x && Int128(truncatingIfNeeded: shortY) == y && (a >> 102 == 0 || a >> 102 == -1)
    guard isShort && n < 1 << 23 else { return wideDeterminant(Int128(n), a, x, y) }
    return double(Int128(n) &* a &- Int128(shortX) &* Int128(shortY))
  }

  @inline(never) private static func wideDeterminant(_ n: Int128, _ a: Int128, _ x: Int128, _ y: Int128) -> Double {
    let (p, q) = (n.multipliedFullWidth(by: a), x.multipliedFullWidth(by: y))
    let low = p.low &- q.low
    let high = p.high &- q.high &- (p.low < q.low ? 1 : 0)
    if high == Int128(truncatingIfNeeded: low) >> 127 { return double(Int128(truncatingIfNeeded: low)) }
    guard high < 0 else { return rounded(UInt128(truncatingIfNeeded: high), low) }
    let negated = 0 &- low
    return -rounded(~UInt128(truncatingIfNeeded: high) &+ (negated == 0 ? 1 : 0), negated)
  }

  /// The double nearest to high·2¹²⁸ + low, which is at least 2⁶³.
  @inline(never) private static func rounded(_ high: UInt128, _ low: UInt128) -> Double {
    let bits = high == 0 ? 128 - low.leadingZeroBitCount : 256 - high.leadingZeroBitCount
    let shift = max(0, bits - 64)
    // The 64 leading bits; whatever is lost behind them is told by the last, which is far behind the place of rounding.
    let (top, rest): (UInt128, Bool)
    if shift >= 128 {
      (top, rest) = (high >> (shift - 128), low != 0 || high & ((1 << (shift - 128)) - 1) != 0)
    } else {
      (top, rest) = (shift == 0 ? low : high << (128 - shift) | low >> shift, low & ((1 << shift) - 1) != 0)
    }
    return Double(sign: .plus, exponent: shift, significand: Double(UInt64(truncatingIfNeeded: top) | (rest ? 1 : 0)))
  }
}
