import Readings
import TestSupport
import Testing

@Suite struct DecimalScaleTests {
  @Test(arguments: [
    (10, 0), (1, 0), (0.5, 1), (0.1, 1), (0.05, 2), (0.01, 2), (0.001, 3), (0.125, 3), (1e-6, 6), (1e-9, 9), (250, 0), (1.5, 1),
  ]) func aResolutionHasItsDecimals(_ resolution: Double, _ decimals: Int) {
    #expect(DecimalScale(resolution: resolution)?.decimals == decimals)
  }

  @Test(arguments: [0, -0.1, .nan, .infinity, -.infinity, 1e-10, 5e-10, 1e-300, .leastNonzeroMagnitude, 1.0 / 3, 0.33333333333])
  func whatIsNoPositiveNumberOfNineDecimalsIsNoResolution(_ resolution: Double) {
    #expect(DecimalScale(resolution: resolution) == nil)
  }

  @Test func sumsAreTheSameInEveryOrder() {
    let seed: UInt64 = 3
    var random = SeededGenerator(seed: seed)
    let scale = DecimalScale(decimals: 1)
    var values = (0..<500).map { _ in (Double.random(in: -1000...1000, using: &random) * 10).rounded() / 10 }
    let sum = values.reduce(Int64(0)) { $0 + scale.integer($1) }
    let tenths = values.reduce(Int64(0)) { $0 + Int64(($1 * 10).rounded()) }
    #expect(sum == tenths * 1000, "seed \(seed): sums are exact")
    for _ in 0..<20 {
      values.shuffle(using: &random)
      #expect(values.reduce(Int64(0)) { $0 + scale.integer($1) } == sum, "seed \(seed)")
    }
  }

  @Test func valuesBeyondTheScaleAreHeldAtItsBound() {
    let scale = DecimalScale(decimals: 9)
    #expect(scale.integer(.greatestFiniteMagnitude) == 9_200_000_000_000_000_000)
    #expect(scale.integer(-.greatestFiniteMagnitude) == -9_200_000_000_000_000_000)
    #expect(scale.integer(.infinity) == 9_200_000_000_000_000_000)
    #expect(scale.integer(-0.0) == 0)
  }

  @Test func numbersAreShownWithTheMetricsDecimalsAndTwo() {
    #expect(DecimalScale(decimals: 1).shown(12.345678) == 12.346)
    #expect(DecimalScale(decimals: 0).shown(-0.0001) == 0)
    #expect(DecimalScale(decimals: 0).shown(-0.0001).sign == .plus)
    #expect(DecimalScale(decimals: 0).shown(1e300) == 1e300)
    #expect(DecimalScale(decimals: 2).shown(.infinity) == .infinity)
  }
}
