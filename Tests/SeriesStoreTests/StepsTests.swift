import Foundation
import Readings
import SeriesStore
import TestSupport
import Testing

/// Steps lie one after the other, from midnights in Vietnam on.
@Suite struct StepsTests {
  private static let lengths: [Milliseconds] = [
    1, 999, 60_000, 900_000, 2_700_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000, 3_456_000_000, 1_234_567, 999_999_999_999_999,
  ]

  @Test func `An instant is in one step, and the next begins where it ends`() {
    var random = SeededGenerator(seed: 1)
    for length in Self.lengths {
      let steps = Steps(length: length)
      for _ in 0..<500 {
        let ts = Int64.random(in: -100_000_000...253_402_300_799_999, using: &random)
        let range = steps.range(steps.number(of: ts))
        #expect(range.contains(ts) && range.lowerBound == steps.start(of: ts))
        #expect(steps.number(of: range.upperBound) == steps.number(of: ts) + 1)
      }
    }
  }

  @Test func `A day begins at midnight in Vietnam, an hour at the full hour`() {
    let midnight = Timestamp(rfc3339: "2025-11-21T00:00:00+07:00")?.milliseconds ?? 0
    #expect(Steps(length: 86_400_000).start(of: midnight + 86_399_999) == midnight)
    #expect(Steps(length: 86_400_000).start(of: midnight - 1) == midnight - 86_400_000)
    #expect(Steps(length: 3_600_000).start(of: midnight + 3_600_000) == midnight + 3_600_000)
    #expect(Steps(length: 0).length == 1)
  }

  @Test func `Whoever asks for all of time gets whole steps, and no trap`() {
    for length in [1, 1000, 900_000, 86_400_000, 315_360_000_000] as [Int64] {
      let all = Steps(length: length).rounded(Int64.min..<Int64.max)
      #expect(all.lowerBound <= 0 && all.upperBound > Timestamp.plausible.upperBound)
      #expect(Steps(length: length).rounded((Int64.max - 1)..<Int64.max).count == Int(length))
    }
  }

  @Test func `Windows are whole steps that cover the range without a gap`() {
    var random = SeededGenerator(seed: 2)
    for length in Self.lengths.dropFirst(2) {
      let steps = Steps(length: length)
      for _ in 0..<50 {
        let from = Int64.random(in: 0...2_000_000_000_000, using: &random)
        let range = from..<(from + Int64.random(in: 1...10_000_000_000, using: &random))
        let windows = steps.windows(of: range, atLeast: 32 * 86_400_000)
        let all = steps.rounded(range)
        #expect(windows.first?.lowerBound == all.lowerBound && windows.last?.upperBound == all.upperBound)
        #expect(zip(windows, windows.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(windows.allSatisfy { $0.lowerBound == steps.start(of: $0.lowerBound) && !$0.isEmpty })
      }
      #expect(steps.windows(of: 5..<5, atLeast: 1).isEmpty)
    }
  }

  @Test(
    arguments: [(60_000, nil), (900_000, .quarterHour), (2_700_000, .quarterHour), (3_600_000, .hour), (21_600_000, .hour)]
      + [(86_400_000, .day), (604_800_000, .day), (900_001, nil), (5_400_000, .quarterHour)] as [(Int64, Resolution?)])
  func `A step is made of the coarsest rollup whose buckets it is whole ones of`(step: Milliseconds, expected: Resolution?) {
    #expect(Resolution.coarsest(for: step) == expected)
  }
}
