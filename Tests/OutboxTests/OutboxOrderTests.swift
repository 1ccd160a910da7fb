import GRDB
import Outbox
import Readings
import Testing

/// What operators want of the outbox: dead letters again, a stopped sink on.
@Suite struct OutboxOrderTests {
  private static let sinks = [SinkFilter(sink: "a"), SinkFilter(sink: "b")]

  private static func mark(_ sequence: Int64, _ outcome: DeliveryMark.Outcome, _ sink: String = "a") -> DeliveryMark {
    DeliveryMark(sink: sink, sequence: sequence, attempts: 7, outcome: outcome)
  }

  private static func dead(_ sequences: some Sequence<Int64>, _ sink: String = "a") -> [DeliveryMark] {
    sequences.map { mark($0, .dead(.rejected, error: "HTTP 400"), sink) }
  }

  @Test func `a redriven event waits under its own sequence, id and body, and its time begins anew`() async throws {
    let outbox = try OutboxFile()
    let events = (1...4).map { Sample.record($0) }
    try outbox.enqueue(events, to: Self.sinks)
    try await outbox.apply(Self.dead([2, 3]) + [Self.mark(1, .delivered)] + Self.dead([2], "b"))
    #expect(try outbox.obey(.redrive(event: events[1].id, sink: "a")) == .redriven(count: 1, next: nil))
    let waiting = try await outbox.waiting(sink: "a", after: 0, limit: 9).deliveries
    #expect(waiting.map(\.sequence) == [2, 4], "before the later ones: of one alert what waits stays in order")
    #expect(waiting.first?.event == events[1].id && waiting.first?.body == events[1].body && waiting.first?.attempts == 0)
    #expect(try outbox.figures().map { [$0.created, $0.delivered, $0.dead, $0.waiting] } == [[4, 1, 1, 2], [4, 0, 1, 3]])
    #expect(try outbox.obey(.redrive(event: events[1].id, sink: nil)) == .redriven(count: 1, next: nil), "at b as well")
    #expect(try outbox.obey(.redrive(event: events[1].id, sink: nil)) == .refused(.notDead(events[1].id)))
    #expect(try outbox.obey(.redrive(event: "none", sink: nil)) == .refused(.unknownEvent("none")))
    try await outbox.apply([Self.mark(2, .delivered)])
    #expect(try outbox.figures().map { [$0.created, $0.delivered, $0.dead, $0.waiting] }.first == [4, 2, 1, 1])
  }

  @Test func `a sink's dead letters are redriven in steps, since an instant, and no more than may wait`() async throws {
    let outbox = try OutboxFile()
    var events = (1...2500).map { Sample.record($0) }
    for place in events.indices { events[place].recordedAt = Sample.time + Int64(place) }
    try outbox.enqueue(events, to: Self.sinks)
    try await outbox.apply(Self.dead(1...2400))
    let since = Sample.time + 100  // of the 101st
    #expect(try outbox.obey(.redriveDead(sink: "a", since: since, after: 0)) == .redriven(count: 1000, next: 1100))
    #expect(try outbox.obey(.redriveDead(sink: "a", since: since, after: 1100)) == .redriven(count: 1000, next: 2100))
    #expect(try outbox.obey(.redriveDead(sink: "a", since: since, after: 2100), most: 2150) == .redriven(count: 50, next: 2150))
    #expect(try outbox.obey(.redriveDead(sink: "a", since: since, after: 2150), most: 2150) == .refused(.full(sink: "a", most: 2150)))
    #expect(try outbox.obey(.redriveDead(sink: "a", since: since, after: 2150)) == .redriven(count: 250, next: nil))
    #expect(try outbox.obey(.redriveDead(sink: "c", since: nil, after: 0)) == .refused(.unknownSink("c")))
    let figures = try #require(try outbox.figures().first)
    #expect((figures.created, figures.delivered, figures.dead, figures.waiting) == (2500, 0, 100, 2400))
  }

  @Test func `a stopped sink is resumed once, and says what waits`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...3).map { Sample.record($0) }, to: Self.sinks)
    try await outbox.apply([Self.mark(1, .stopped(reason: "HTTP 410"))])
    #expect(try outbox.figures().first?.condition(now: Wall.now(), behindAfter: .max) == .stopped)
    #expect(try outbox.obey(.resume(sink: "a")) == .resumed(waiting: 3, was: "HTTP 410"))
    #expect(try outbox.obey(.resume(sink: "a")) == .refused(.notStopped("a")))
    #expect(try outbox.obey(.resume(sink: "c")) == .refused(.unknownSink("c")))
  }

  @Test func `a sink that is held up is resumed: what waits is due at once, and no other sink's`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...3).map { Sample.record($0) }, to: Self.sinks)
    let later = Wall.now() + 3_600_000
    try await outbox.apply([Self.mark(2, .retryLater(nextAt: later, error: "HTTP 429")), Self.mark(3, .delivered)])
    try await outbox.apply([Self.mark(1, .retryLater(nextAt: later, error: "HTTP 503"), "b")])
    #expect(try outbox.obey(.resume(sink: "a")) == .resumed(waiting: 2, was: "HTTP 429"))
    let waiting = try await outbox.waiting(sink: "a", after: 0, limit: 9).deliveries
    #expect(waiting.map(\.sequence) == [1, 2] && waiting.allSatisfy { $0.nextAt <= Wall.now() } && waiting.last?.attempts == 7)
    #expect(try outbox.obey(.resume(sink: "a")) == .refused(.notStopped("a")))
    #expect(try await outbox.waiting(sink: "b", after: 0, limit: 9).deliveries.first?.nextAt == later)
  }

  @Test func `pages give every delivery once, in order of sink and sequence, by state`() async throws {
    let outbox = try OutboxFile()
    let events = (1...30).map { Sample.record($0) }
    try outbox.enqueue(events, to: Self.sinks)
    try await outbox.apply(Self.dead([3, 9, 20]) + (10...15).map { Self.mark($0, .delivered) } + Self.dead([1], "b"))
    func pages(_ sink: String?, _ states: Set<DeliveryState>) throws -> [String] {
      var (found, after): ([String], (String, Int64)?) = ([], nil)
      while true {
        let page = try outbox.write { try OutboxTable.page(sink: sink, states: states, after: after, limit: 7, in: $0) }
        found += page.map { "\($0.sink)\($0.sequence)\($0.state == .waiting ? "" : " \($0.state.name)")" }
        guard let last = page.last else { return found }
        after = (last.sink, last.sequence)
      }
    }
    #expect(try pages(nil, [.dead]) == ["a3 dead", "a9 dead", "a20 dead", "b1 dead"])
    #expect(try pages("a", [.delivered]) == (10...15).map { "a\($0) delivered" })
    let undelivered = (1...30).filter { !(10...15).contains($0) }.map { [3, 9, 20].contains($0) ? "a\($0) dead" : "a\($0)" }
    #expect(try pages("a", [.waiting, .dead]) == undelivered)
    #expect(try pages(nil, [.waiting, .dead]) == undelivered + (1...30).map { $0 == 1 ? "b1 dead" : "b\($0)" })
    let given = try outbox.write { try OutboxTable.given(to: "b", after: 27, limit: 9, in: $0) }
    #expect(given.map(\.sequence) == [28, 29, 30] && given.map(\.body) == events[27...].map(\.body))
    let ways = try outbox.write { try OutboxTable.deliveries(of: events[0].id, in: $0) }
    #expect(ways.map(\.sink) == ["a", "b"] && ways.map(\.state) == [.waiting, .dead])
    #expect(ways.first?.headline.type == "vn.thuong.alert.raised" && ways.first?.headline.subject == "bac-giang/traffic/bg-tr-001")
  }
}
