import Readings
import SeriesStore
import Testing

@Suite struct FirstFreeTests {
  /// Every set of occupied milliseconds among eight, from every start: the first free one is what a step-by-step search finds.
  @Test func theFirstFreeMillisecondIsWhatASearchStepByStepFinds() {
    for occupied in 0..<256 {
      var heads = SeriesHeads()
      heads.addSeries(through: SeriesID(0))
      for ms in 0..<8 where occupied & 1 << ms != 0 {
        _ = heads.insert(Reading(series: SeriesID(0), ts: Timestamp(milliseconds: Int64(100 + ms)), value: 1, quality: .measuring))
      }
      for start in 98...109 {
        var expected = start
        while (100...107).contains(expected), occupied & 1 << (expected - 100) != 0 { expected += 1 }
        #expect(
          heads.firstFree(SeriesID(0), from: Timestamp(milliseconds: Int64(start))).milliseconds == Int64(expected), "\(occupied) \(start)")
      }
    }
  }
}
