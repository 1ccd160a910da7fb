/// A sum of values that is exact while they are decimals of at most nine places, as sensors report them: in any order, and what was added in
/// parts is what was added at once. Whatever is no such decimal is added as it comes, in binary. It is never beyond every number.
package struct DecimalSum: Hashable, Sendable {
  private static let decimalsMax = 9
  /// Larger integers may stand for several decimals.
  private static let integerMax = 0x1p51
  private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
  private static let integerPowers: [Int128] = powers.map { Int128($0) }

  /// Of the scale: for more values of 2^51 at nine places than there will ever be.
  private var mantissa: Int128 = 0
  private var decimals = 0
  private var factor = 1.0
  /// The sum of what is no decimal of that many places.
  private var rest = 0.0

  package init() {}

  /// The nearest double of the sum.
  package var value: Double {
    // Larger integers would be rounded, and the quotient again.
    let exact = mantissa.magnitude <= 1 << 53 ? Double(Int64(mantissa)) / factor : Double("\(mantissa)e-\(decimals)") ?? .nan
    return Self.bounded(exact + rest)
  }

  private static func bounded(_ value: Double) -> Double {
    min(max(value, -.greatestFiniteMagnitude), .greatestFiniteMagnitude)
  }

  /// - Parameter value: finite.
  @inline(__always) package mutating func add(_ value: Double) {
    // Below 2^51 this rounds to the nearest integer, to even where two are as near, without a call.
    let scaled = (value * factor + 0x1.8p52) - 0x1.8p52
    if scaled.magnitude < 0x1p51, scaled / factor == value {
      mantissa &+= Int128(Int64(scaled))
      return
    }
    addRescaled(value)
  }

  /// Looks for a scale in which the value is an integer; the sum takes the finer of both.
  private mutating func addRescaled(_ value: Double) {
    for places in 0...Self.decimalsMax {
      let scaled = (value * Self.powers[places]).rounded(.toNearestOrEven)
      guard scaled.magnitude < Self.integerMax else { break }
      guard scaled / Self.powers[places] == value else { continue }
      if places > decimals {
        mantissa &*= Self.integerPowers[places - decimals]
        (decimals, factor) = (places, Self.powers[places])
      }
      mantissa &+= Int128(Int64(scaled)) &* Self.integerPowers[decimals - places]
      return
    }
    rest = Self.bounded(rest + value)
  }
}
