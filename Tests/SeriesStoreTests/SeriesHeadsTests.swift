import Readings
import SeriesStore
import TestSupport
import Testing

@Suite struct SeriesHeadsTests {
  /// One series as a plain dictionary: the first reading of a ts stands.
  struct Model {
    var readings: [Int64: (bits: UInt64, quality: UInt8)] = [:]

    mutating func insert(_ reading: Reading) -> SeriesHeads.Outcome {
      let ts = reading.ts.milliseconds
      if let there = readings[ts] {
        let (old, new) = (Double(bitPattern: there.bits), reading.value)
        return (old == new || old.isNaN && new.isNaN) && there.quality & 0x7f == reading.quality.code ? .duplicate : .conflict
      }
      let newest = readings.keys.max()
      readings[ts] = (reading.value.bitPattern, reading.quality.byte)
      return newest.map { ts > $0 } ?? true ? .appended : .inserted
    }
  }

  private func reading(_ ts: Int64, _ value: Double, _ quality: Quality = .measuring, series: Int = 0) -> Reading {
    Reading(series: SeriesID(series), ts: Timestamp(milliseconds: ts), value: value, quality: quality)
  }

  private func agree(_ heads: borrowing SeriesHeads, _ series: Int, _ model: Model) -> Bool {
    let view = heads.view(series)
    let expected = model.readings.sorted { $0.key < $1.key }
    guard view.count == expected.count else { return false }
    for (i, (ts, reading)) in expected.enumerated() {
      guard view.time(i) == ts, view.value(i).bitPattern == reading.bits, view.quality(i).byte == reading.quality else { return false }
    }
    return true
  }

  /// Calls `body` with every sequence of at most `longest` elements of `alphabet`.
  private func forEverySequence<T>(of alphabet: [T], longest: Int, _ body: ([T]) -> Bool) {
    var stack: [[T]] = [[]]
    while let sequence = stack.popLast() {
      guard body(sequence) else { return }
      if sequence.count < longest { for element in alphabet { stack.append(sequence + [element]) } }
    }
  }

  @Test func everySequenceOfFiveReadingsEndsAsTheModelSays() {
    let alphabets = [
      [reading(1, 1), reading(1, 2), reading(2, 1), reading(2, 1, .fault), reading(3, .nan, .fault)],
      (1...5).map { reading($0, Double($0)) },
      [
        reading(-5, 0), reading(-5, -0.0), reading(0, 1, .measuring.moved), reading(0, 1), reading((1 << 55) - 1, 1),
        reading(-(1 << 55), 1),
      ],
    ]
    for alphabet in alphabets {
      forEverySequence(of: alphabet, longest: 5) { sequence in
        var heads = SeriesHeads()
        heads.addSeries(through: SeriesID(0))
        var model = Model()
        for reading in sequence {
          let (found, expected) = (heads.insert(reading), model.insert(reading))
          guard found == expected, agree(heads, 0, model) else {
            Issue.record("\(sequence.map { "\($0.ts.milliseconds)=\($0.value)" }): \(found), expected \(expected)")
            return false
          }
        }
        return heads.readings == model.readings.count
      }
    }
  }

  @Test(arguments: [UInt64(1), 2, 3, 4]) func longRandomSequencesOverManySeriesEndAsTheModelSays(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var heads = SeriesHeads()
    var models: [Model] = []
    for step in 0..<20_000 {
      if models.isEmpty || (models.count < 200 && Int.random(in: 0..<50, using: &random) == 0) {
        models.append(Model())
        heads.addSeries(through: SeriesID(models.count - 1))
      }
      let series = Int.random(in: 0..<models.count, using: &random)
      let newest = models[series].readings.keys.max() ?? 0
      let ts =
        Bool.random(using: &random) ? newest + Int64.random(in: 0...3, using: &random) : Int64.random(in: -5...(newest + 1), using: &random)
      let value = Int.random(in: 0..<20, using: &random) == 0 ? .nan : Double(Int.random(in: 0...2, using: &random))
      let offered = reading(ts, value, Quality(byte: UInt8.random(in: 0...1, using: &random)), series: series)
      let held = models[series].readings[ts] != nil
      #expect(
        (heads.firstFree(SeriesID(series), from: Timestamp(milliseconds: ts)).milliseconds != ts) == held, "seed \(seed), step \(step)")
      #expect(heads.insert(offered) == models[series].insert(offered), "seed \(seed), step \(step)")
    }
    for series in models.indices {
      let same = agree(heads, series, models[series])
      #expect(same, "seed \(seed), series \(series)")
    }
    #expect(heads.readings == models.reduce(0) { $0 + $1.readings.count })
    #expect(heads.bytes >= heads.readings * 16)
    #expect(heads.count == models.count)
  }

  @Test func theUpperBoundIsTheNumberOfReadingsUpToATime() {
    for count in 0...40 {
      var heads = SeriesHeads()
      heads.addSeries(through: SeriesID(0))
      for i in 0..<count { _ = heads.insert(reading(Int64(i) * 2, 0)) }
      for t in Int64(-2)...Int64(count * 2 + 1) {
        let expected = (0..<count).filter { Int64($0) * 2 <= t }.count
        #expect(heads.view(0).upperBound(t) == expected)
      }
    }
  }

  @Test func seriesAreAddedInAnyStepsAndStartEmpty() {
    var heads = SeriesHeads()
    #expect(heads.count == 0)
    for last in [0, 0, 3, 63, 64, 65, 1000, 5] { heads.addSeries(through: SeriesID(last)) }
    #expect(heads.count == 1001)
    for series in 0...1000 { #expect(heads.view(series).count == 0) }
    #expect(heads.readings == 0)
  }
}
