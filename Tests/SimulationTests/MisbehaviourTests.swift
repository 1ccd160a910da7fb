import Simulation
import Testing

@Suite struct MisbehaviourTests {
  @Test func `every kind is read with its argument and its chance`() throws {
    let all = try Misbehaviour(
      "fail:30%, hang:5%,drop:5%,slow:1%,429:2s:10%,410:1%,400:1%,redirect:http://127.0.0.1:1/a:b:2%,big:1%,late:5s:1%,lie:1%,reset:0.5%,down:30m/2h"
    )
    #expect(
      all.items.map(\.fault) == [
        .status(500, retryAfter: nil), .hang, .drop, .slow, .status(429, retryAfter: 2000), .status(410, retryAfter: nil),
        .status(400, retryAfter: nil), .redirect("http://127.0.0.1:1/a:b"), .big, .late(5000), .lie, .reset,
      ])
    #expect(all.items.map(\.chance) == [0.3, 0.05, 0.05, 0.01, 0.1, 0.01, 0.01, 0.02, 0.01, 0.01, 0.01, 0.005])
    #expect(all.outage == Misbehaviour.Outage(length: 1_800_000, period: 7_200_000))
  }

  @Test func `what has no chance shares what the others leave`() throws {
    #expect(try Misbehaviour("hang").items.map(\.chance) == [1])
    #expect(try Misbehaviour("fail:50%,hang,429").items.map(\.chance) == [0.5, 0.25, 0.25])
    #expect(try Misbehaviour("429").items.map(\.fault) == [.status(429, retryAfter: 1000)])
  }

  @Test(arguments: [
    ("boom", "unknown \"boom\"; known are fail, hang"), ("", "unknown \"\""), ("fail,,hang", "unknown \"\""),
    ("fail:60%,hang:50%", "the chances are 110% together"), ("fail:110%", "needs a chance like :30%"), ("fail:x%", "needs a chance"),
    ("50%", "needs a chance"), ("hang:5s", "hang takes no argument but a chance"), ("late", "late needs a time"), ("late:x", "no time"),
    ("redirect", "redirect needs a place"), ("redirect:ftp://x", "redirect needs a place"), ("200", "no status from 300 to 599"),
    ("429:10", "no Retry-After"), ("down", "down needs its length"), ("down:2h/30m", "down needs its length"),
    ("down:1m/2m:10%", "down needs its length"),
  ]) func `a list that is none is refused in one line that says why`(text: String, words: String) {
    #expect {
      try Misbehaviour(text)
    } throws: { error in
      let line = "\(error)"
      return line.contains(words) && !line.contains("\n")
    }
  }

  @Test(arguments: UInt64(1)...8) func `a seed makes the same choices again, in any order, near the chances`(seed: UInt64) throws {
    let plan = try Misbehaviour("fail:30%,hang:5%,drop:15%", seed: seed)
    let again = try Misbehaviour("fail:30%,hang:5%,drop:15%", seed: seed)
    let other = try Misbehaviour("fail:30%,hang:5%,drop:15%", seed: seed + 100)
    let attempts = (0..<8000).map { (id: "event-\($0 / 2)", attempt: $0 % 2 + 1) }
    let first = attempts.map { plan.item(id: $0.id, attempt: $0.attempt)?.name }
    #expect(attempts.reversed().map { again.item(id: $0.id, attempt: $0.attempt)?.name } == first.reversed())
    #expect(attempts.map { other.item(id: $0.id, attempt: $0.attempt)?.name } != first)
    let counts = Dictionary(grouping: first, by: { $0 }).mapValues { Double($0.count) / Double(first.count) }
    // Five standard deviations of 8,000 draws.
    for (name, chance) in [("fail", 0.3), ("hang", 0.05), ("drop", 0.15), (nil, 0.5)] as [(String?, Double)] {
      #expect(abs((counts[name] ?? 0) - chance) < 5 * (chance * (1 - chance) / 8000).squareRoot(), "seed \(seed), \(name ?? "none")")
    }
  }

  @Test func `an outage is the last part of every period`() throws {
    let plan = try Misbehaviour("down:2s/10s")
    let down = stride(from: Int64(0), to: 30_000, by: 500).filter { plan.isDown(after: $0) }
    #expect(down == [8000, 8500, 9000, 9500, 18000, 18500, 19000, 19500, 28000, 28500, 29000, 29500])
  }
}
