/// A fixed distribution of small whole numbers, as range asymmetric numeral systems need it (J. Duda, "Asymmetric numeral systems", 2013).
///
/// Sensors' differences are normal or two-sided geometric numbers of any width, some with many zeros among them. A column names the one of
/// these distributions that fits it best: that costs six bits, where a histogram of its own would cost fifty bytes.
///
/// The tables are part of the format: `all` may grow no further than 64, and none of it may change. Whatever is computed here is exact in
/// IEEE 754 (sums, products, quotients, square roots), hence the same on every machine.
final class ResidualTable: Sendable {
  /// Frequencies of a table add up to 2 to this.
  static let precision = 12
  static let total = UInt32(1) << precision
  /// Symbol `k + reach` is the number k; -reach ... reach have symbols.
  static let reach = 31
  /// The symbol of all other numbers, which follow as raw bits.
  static let escape = 2 * reach + 1
  /// What an escape's raw bits cost, in bits, for choosing a table.
  private static let escapeBits = 16.0

  /// By symbol; 0 for one that cannot be written.
  let frequency: [UInt32]
  /// The sum of the frequencies of the symbols before.
  let start: [UInt32]
  /// In 1/256 bit, by symbol, with what follows an escape.
  let cost: [Int32]
  /// By the low bits of a state: the symbol in bits 0 to 5, its frequency in 6 to 18, the place within it in 19 to 30.
  let slots: [UInt32]

  /// - Parameter weights: of -reach ... reach, in any unit.
  private init(_ weights: [Double]) {
    var sum = 0.0
    for weight in weights { sum += weight }
    var frequency = weights.map { UInt32(($0 / sum * Double(Self.total)).rounded(.down)) } + [1]
    // What rounding has left goes to 0, the likeliest of all.
    frequency[Self.reach] += Self.total - frequency.reduce(0, +)
    var (start, slots): ([UInt32], [UInt32]) = ([], [])
    for (symbol, count) in frequency.enumerated() {
      start.append(UInt32(slots.count))
      for place in 0..<count { slots.append(UInt32(symbol) | count << 6 | place << 19) }
    }
    cost = frequency.enumerated().map { symbol, count in
      let bits = Double(Self.precision) - (count > 0 && symbol != Self.escape ? Self.log2(count) : -Self.escapeBits)
      return Int32((bits * 256).rounded())
    }
    (self.frequency, self.start, self.slots) = (frequency, start, slots)
  }

  /// The logarithm of a whole number to base 2, to a 1/4096: by squaring.
  private static func log2(_ number: UInt32) -> Double {
    let whole = 31 - number.leadingZeroBitCount
    var (rest, sum, place) = (Double(number) / Double(UInt32(1) << whole), Double(whole), 0.5)
    for _ in 0..<12 {
      rest *= rest
      if rest >= 2 {
        rest /= 2
        sum += place
      }
      place /= 2
    }
    return sum
  }

  // MARK: The tables

  /// The costs of each symbol in all tables, side by side: those of a column are added up for all at once.
  static let costs: [Int32] = (0...escape).flatMap { symbol in all.map { $0.cost[symbol] } }

  static let all: [ResidualTable] = {
    // Widths from 0.17 on, each the fourth root of 2 wider than the one before.
    let normals = scales(from: 0x1p-24, 0x1.0546f484deb3bp-17, count: 26).map { normal($0) }
    // Each the square root of 2 wider.
    let geometrics = scales(from: 0x1p-8, 0x1.44bdb270bf0f2p-6, count: 13).map { geometric($0) }
    // A fifth of three times the width.
    let wide = (0..<13).map { mixed(normals[2 * $0], 0.8, normals[min(25, 2 * $0 + 6)]) }
    let zeros = [0.9375, 0.984375, 0.99609375, 0.9995].flatMap { share in
      [4, 8, 12].map { mixed(only(0), share, geometrics[$0]) }
    }
    return (normals + geometrics + wide + zeros).map { ResidualTable($0) }
  }()

  /// Two numbers, then the square root of the one before the last, again and again.
  private static func scales(from first: Double, _ second: Double, count: Int) -> [Double] {
    var scales = [first, second]
    for place in 2..<count { scales.append(scales[place - 2].squareRoot()) }
    return scales
  }

  /// q to the square of k.
  private static func normal(_ q: Double) -> [Double] {
    var weights = only(0)
    var (weight, step) = (1.0, q)
    for k in 1...reach {
      weight *= step
      step *= q * q
      (weights[reach + k], weights[reach - k]) = (weight, weight)
    }
    return weights
  }

  /// q to the magnitude of k.
  private static func geometric(_ q: Double) -> [Double] {
    var weights = only(0)
    var weight = 1.0
    for k in 1...reach {
      weight *= q
      (weights[reach + k], weights[reach - k]) = (weight, weight)
    }
    return weights
  }

  private static func only(_ k: Int) -> [Double] {
    var weights = [Double](repeating: 0, count: 2 * reach + 1)
    weights[reach + k] = 1
    return weights
  }

  private static func mixed(_ a: [Double], _ share: Double, _ b: [Double]) -> [Double] {
    func sum(_ weights: [Double]) -> Double {
      var sum = 0.0
      for weight in weights { sum += weight }
      return sum
    }
    let (sumA, sumB) = (sum(a), sum(b))
    return a.indices.map { a[$0] / sumA * share + b[$0] / sumB * (1 - share) }
  }
}
