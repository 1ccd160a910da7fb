/// A sum of values that is exact while they are decimals of at most nine places, as sensors report them: what was added in parts is what
/// was added at once. Whatever is no such decimal is added as it comes, in binary.
package struct DecimalSum: Hashable, Sendable {
  private static let decimalsMax = 9
  private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
  private static let integerPowers: [Int64] = powers.map { Int64($0) }

  /// Of the scale.
  private var mantissa: Int64 = 0
  private var decimals = 0
  private var factor = 1.0
  /// The sum of what is no decimal of that many places.
  private var rest = 0.0

  package init() {}

  /// The nearest double of the sum.
  package var value: Double {
    let exact = Double(mantissa) / factor
    return rest == 0 ? exact : exact + rest
  }

  /// - Parameter value: finite.
  @inline(__always) package mutating func add(_ value: Double) {
    let scaled = (value * factor).rounded(.toNearestOrEven)
    if scaled.magnitude < 0x1p53, scaled / factor == value {
      let (sum, hasOverflown) = mantissa.addingReportingOverflow(Int64(scaled))
      if !hasOverflown {
        mantissa = sum
        return
      }
    }
    addFiner(value)
  }

  /// Looks for a scale in which the value is an integer.
  private mutating func addFiner(_ value: Double) {
    for places in stride(from: decimals + 1, through: Self.decimalsMax, by: 1) {
      let scaled = (value * Self.powers[places]).rounded(.toNearestOrEven)
      guard scaled.magnitude < 0x1p53 else { break }
      guard scaled / Self.powers[places] == value else { continue }
      let (all, isTooLarge) = mantissa.multipliedReportingOverflow(by: Self.integerPowers[places - decimals])
      let (sum, hasOverflown) = all.addingReportingOverflow(Int64(scaled))
      guard !isTooLarge, !hasOverflown else { break }
      (mantissa, decimals, factor) = (sum, places, Self.powers[places])
      return
    }
    rest += value
  }
}
