import Database
import Foundation
import GRDB
import Outbox
import Readings
import Testing

/// A sink that was told of an alert is told all the rest of it; what it hears of first is `raised`.
@Suite struct ToldRuleTests {
  /// One open alert of a random course.
  private struct Course {
    var event: AlertEvent
    var counts: [AlertEvent.Transition: Int] = [:]
  }

  /// What a sink ought to have got of it: the naive reading of the contract.
  private struct NaiveSink {
    var told: Set<String> = []
    /// Alert, transition, revision, severity.
    var got: [String] = []

    mutating func hear(_ event: AlertEvent, passes: Bool) {
      let isLast = event.transition == .cleared
      if told.contains(event.alert) {
        got.append("\(event.alert) \(event.transition) \(event.revision) \(event.severity)")
        if isLast { told.remove(event.alert) }
      } else if passes, !isLast {
        told.insert(event.alert)
        got.append("\(event.alert) raised \(event.revision) \(event.severity)")
      }
    }
  }

  private static let sites = ["bac-giang", "viet-yen"]
  private static let domains = ["traffic", "water"]

  private static func filter(_ sink: String, _ random: inout SeededRandom) -> SinkFilter {
    SinkFilter(
      sink: sink, sites: random.below(3) == 0 ? [sites[random.below(2)]] : [],
      domains: random.below(3) == 0 ? [domains[random.below(2)]] : [], leastSeverity: Severity.allCases[random.below(4)])
  }

  /// The next event of some alert, old or new.
  private static func step(_ courses: inout [Course], _ number: inout Int, _ random: inout SeededRandom) -> AlertEvent {
    if courses.isEmpty || (courses.count < 6 && random.below(3) == 0) {
      number += 1
      var event = Sample.alert(
        number: number, site: sites[random.below(2)], domain: domains[random.below(2)], severity: Severity.allCases[random.below(3)])
      event.raisedAt = event.time
      courses.append(Course(event: event, counts: [.raised: 1]))
      return event
    }
    let place = random.below(courses.count)
    var event = courses[place].event
    let transition = [AlertEvent.Transition.escalated, .acknowledged, .flapping, .reminder, .cleared][random.below(5)]
    courses[place].counts[transition, default: 0] += 1
    (event.transition, event.nth, event.revision) = (transition, courses[place].counts[transition] ?? 1, event.revision + 1)
    (event.time, event.detectedAt) = (event.time + 60_000, event.detectedAt + 60_000)
    if transition == .escalated, let next = Severity(rawValue: event.severity.rawValue + 1) { event.severity = next }
    // The device may have moved to another site meanwhile.
    if random.below(8) == 0 { event.site = sites[random.below(2)] }
    if transition == .cleared {
      event.state = .cleared
      courses.remove(at: place)
    } else {
      courses[place].event = event
    }
    return event
  }

  private static func told(_ outbox: OutboxFile, _ sink: String) throws -> [(text: String, id: String)] {
    try outbox.rows(
      "SELECT event.id, body FROM delivery JOIN event ON event.id = delivery.event WHERE sink = '\(sink)' ORDER BY sequence"
    ).map { row in
      let json = try #require(try JSONSerialization.jsonObject(with: row["body"] as Data) as? [String: Any])
      let data = try #require(json["data"] as? [String: Any])
      let type = (json["type"] as? String)?.split(separator: ".").last ?? ""
      return (
        "\(data["alert"] ?? "") \(type) \(data["revision"] ?? 0) \(data["severity"] ?? "")", row["id"]
      )
    }
  }

  @Test(arguments: 1...12)
  func `random alerts, filters that change and sinks that are gone for a while give each sink what the naive reading gives`(_ seed: UInt64)
    throws
  {
    var random = SeededRandom(seed: seed)
    let outbox = try OutboxFile()
    let names = ["north", "grave", "all"]
    var filters = names.map { Self.filter($0, &random) }
    var model = Dictionary(uniqueKeysWithValues: names.map { ($0, NaiveSink()) })
    var (courses, number): ([Course], Int) = ([], 0)
    for _ in 0..<60 {
      let events = (0..<random.below(6)).map { _ in Self.step(&courses, &number, &random) }
      for event in events {
        for name in names {
          model[name]?.hear(event, passes: filters.contains { $0.sink == name && $0.passes(event.record) })
        }
      }
      try outbox.enqueue(events.map(\.record), to: filters)
      // A commit that is made again after a lost answer gives nothing twice.
      if random.below(5) == 0, let last = events.last, last.transition != .cleared { try outbox.enqueue([last.record], to: filters) }
      if random.below(10) == 0 { filters = names.filter { _ in random.below(4) > 0 }.map { Self.filter($0, &random) } }
    }
    for name in names {
      let told = try Self.told(outbox, name)
      #expect(told.map(\.text) == model[name]?.got, "seed \(seed), \(name)")
      #expect(Set(told.map(\.id)).count == told.count, "seed \(seed): no id comes twice")
      let sequences = try outbox.rows("SELECT sequence FROM delivery WHERE sink = '\(name)' ORDER BY sequence").map { $0[0] as Int64 }
      #expect(sequences == told.indices.map { Int64($0) + 1 }, "seed \(seed), \(name)")
      let open = try outbox.rows("SELECT alert FROM told WHERE sink = '\(name)'").map { $0[0] as String }
      #expect(Set(open) == model[name]?.told, "seed \(seed), \(name)")
    }
  }

  @Test func `the opening of an alert is raised, with its present state, under an id that no other event has`() throws {
    var event = Sample.alert(.escalated, severity: .critical)
    (event.nth, event.revision, event.raisedAt) = (1, 4, Sample.time + 60_000)
    (event.raiseDetectedAt, event.isRaiseLate) = (Sample.time + 61_000, true)
    let opening = event.opening
    #expect(opening.transition == .raised && opening.severity == .critical && opening.revision == 4 && opening.state == .raised)
    #expect(opening.time == event.raisedAt && opening.detectedAt == Sample.time + 61_000 && opening.late)
    let ids = (1...4).map { revision in
      var other = event
      other.revision = revision
      return other.opening.id
    }
    #expect(Set(ids + [event.id]).count == 5)
    #expect(Sample.alert(.raised).opening == Sample.alert(.raised))
  }
}

/// SplitMix64: the same numbers from the same seed.
struct SeededRandom {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// A whole number from 0 up to, not including, `bound`.
  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(bound))
  }
}
