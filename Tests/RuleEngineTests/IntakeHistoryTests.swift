import Readings
import RuleEngine
import TestSupport
import Testing

@Suite struct IntakeHistoryTests {
  private func at(_ ms: Int64) -> Timestamp { Timestamp(milliseconds: ms) }

  @Test("connected time leaves out what was down")
  func leavesOutOutages() {
    var history = IntakeHistory()
    #expect(history.connected(from: at(0), to: at(100)) == 100)
    history.down(at: at(10))
    #expect(history.isDown)
    #expect(history.connected(from: at(0), to: at(100)) == 10)
    #expect(history.connected(from: at(20), to: at(100)) == 0)
    history.up(at: at(30))
    history.down(at: at(50))
    history.down(at: at(55))
    history.up(at: at(60))
    history.up(at: at(70))
    #expect(history.connected(from: at(0), to: at(100)) == 70)
    #expect(history.connected(from: at(15), to: at(55)) == 20)
    #expect(history.connected(from: at(30), to: at(50)) == 20)
    #expect(history.connected(from: at(0), to: at(5)) == 5)
    #expect(history.connected(from: at(100), to: at(5)) == 0)
  }

  @Test("an outage that ends as it begins is none")
  func dropsEmptyOutages() {
    var history = IntakeHistory()
    history.down(at: at(10))
    history.up(at: at(10))
    #expect(history.outages.isEmpty)
  }

  @Test("the oldest outages become one: memory is bounded, and age is never too high")
  func isBounded() {
    var history = IntakeHistory()
    for n in 0..<1500 {
      history.down(at: at(Int64(n) * 10))
      history.up(at: at(Int64(n) * 10 + 1))
    }
    #expect(history.outages.count == IntakeHistory.maximumOutages)
    #expect(history.outages.first == .init(from: at(0), to: at(5001)))
    #expect(history.connected(from: at(0), to: at(15_000)) == (15_000 - 5001) - 999)
    #expect(history.connected(from: at(14_000), to: at(15_000)) == 900)
  }

  @Test("any history agrees with a count of its milliseconds", arguments: 1...30 as ClosedRange<UInt64>)
  func agreesWithCount(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var history = IntakeHistory()
    var isUp = [Bool](repeating: true, count: 200)
    var now = 0
    var up = true
    while now < 199 {
      let next = min(199, now + Int.random(in: 1...20, using: &generator))
      for ms in now..<next { isUp[ms] = up }
      now = next
      up.toggle()
      if up { history.up(at: at(Int64(now))) } else { history.down(at: at(Int64(now))) }
    }
    isUp[199] = up
    for _ in 0..<100 {
      let from = Int.random(in: 0...199, using: &generator), to = Int.random(in: 0...199, using: &generator)
      let counted = from < to ? isUp[from..<to].filter { $0 }.count : 0
      #expect(history.connected(from: at(Int64(from)), to: at(Int64(to))) == Int64(counted), "seed \(seed), \(from) to \(to)")
    }
  }
}
