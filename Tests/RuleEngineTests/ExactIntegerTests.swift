import RuleEngine
import TestSupport
import Testing

@Suite struct ExactIntegerTests {
  /// Of every size up to `bits`.
  private func random(_ bits: Int, _ generator: inout SeededGenerator) -> Int128 {
    let number = UInt128(generator.next()) << 64 | UInt128(generator.next())
    let size = Int128(truncatingIfNeeded: number >> UInt128(128 - Int.random(in: 1...bits, using: &generator)))
    return Bool.random(using: &generator) ? size : -size
  }

  @Test("whole numbers become the nearest double, ties to even", arguments: 1...10 as ClosedRange<UInt64>)
  func nearest(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for n in 0..<5000 {
      let value = random(127, &generator)
      #expect(ExactInteger.double(value) == Double(value), "seed \(seed), number \(n): \(value)")
    }
    for shift in 0..<73 as Range<Int128> {
      for tie in [(1 << 53) + 1, (1 << 53) + 3, (1 << 54) - 1] as [Int128] {
        for offset in -1...1 as ClosedRange<Int128> where shift > 2 {
          let value = tie << shift + offset
          #expect(ExactInteger.double(value) == Double(value) && ExactInteger.double(-value) == Double(-value), "\(value)")
        }
      }
    }
    #expect(ExactInteger.double(.min) == -0x1p127 && ExactInteger.double(.max) == 0x1p127)
  }

  @Test("n·a − x·y is exact where the products are far beyond 128 bits", arguments: 1...10 as ClosedRange<UInt64>)
  func wide(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for number in 0..<2000 {
      let n = Int64.random(in: 1...8_388_607, using: &generator)
      // a is the whole part of x·y / n and a bit: what is left is small.
      let (x, y) = (random(70, &generator), random(70, &generator))
      let product = x.multipliedFullWidth(by: y)
      guard product.high.magnitude < UInt128(n) / 2 else { continue }
      let (quotient, rest) = Int128(n).dividingFullWidth(product)
      let bit = Int128(Int.random(in: -3...3, using: &generator))
      let expected = Double(Int128(n) * bit - rest)
      #expect(
        ExactInteger.determinant(n, quotient + bit, x, y) == expected, "seed \(seed), number \(number): \(n), \(quotient), \(x), \(y)")
    }
    #expect(ExactInteger.determinant(1, 0, 1 << 100, 1 << 100) == -0x1p200)
    #expect(ExactInteger.determinant(1, 0, 1 << 100, -(1 << 100)) == 0x1p200)
    #expect(ExactInteger.determinant(3, 1 << 120, 0, 0) == 3 * 0x1p120)
    #expect(ExactInteger.determinant(1, 0, (1 << 100) + 1, -(1 << 100)) == 0x1p200, "rounded, not cut")
  }
}
