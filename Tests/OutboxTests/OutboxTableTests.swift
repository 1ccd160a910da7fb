import Alerting
import Database
import Foundation
import GRDB
import Outbox
import Readings
import Testing

@Suite struct OutboxTableTests {
  let north = SinkFilter(sink: "north", sites: ["bac-giang"])
  let grave = SinkFilter(sink: "grave", domains: ["traffic", "water"], leastSeverity: .major)
  let all = SinkFilter(sink: "all")

  @Test func `each sink numbers without gaps what passes its filter, over several commits`() throws {
    let outbox = try OutboxFile()
    var expected: [String: [String]] = ["north": [], "grave": [], "all": []]
    let sites = ["bac-giang", "viet-yen"]
    let domains = ["traffic", "environment", "water"]
    for commit in 0..<7 {
      let events = (0..<5).map { index in
        let number = commit * 5 + index
        return Sample.record(
          number, site: sites[number % 2], domain: domains[number % 3], severity: Severity(rawValue: UInt8(number % 4))!)
      }
      for event in events {
        expected["all"]?.append(event.id)
        if event.site == "bac-giang" { expected["north"]?.append(event.id) }
        if event.domain != "environment", event.severity! >= .major { expected["grave"]?.append(event.id) }
      }
      try outbox.enqueue(events, to: [north, grave, all])
    }
    for (sink, ids) in expected {
      let rows = try outbox.rows("SELECT sequence, event FROM delivery WHERE sink = '\(sink)' ORDER BY sequence")
      #expect(rows.map { $0["event"] as String } == ids)
      #expect(rows.map { $0["sequence"] as Int64 } == (1...Int64(ids.count)).map { $0 })
    }
    let figures = try outbox.figures()
    #expect(figures.map(\.sink) == ["all", "grave", "north"])
    #expect(figures.map(\.created) == ["all", "grave", "north"].map { Int64(expected[$0]!.count) })
  }

  @Test func `an event that no sink wants is not kept, and one that is there is not given twice`() throws {
    let outbox = try OutboxFile()
    let unwanted = Sample.record(1, site: "viet-yen")
    #expect(try outbox.enqueue([unwanted], to: [north]).isEmpty)
    let event = Sample.record(2)
    #expect(try outbox.enqueue([event], to: [north]).keys.map(\.self) == ["north"])
    #expect(try outbox.enqueue([event], to: [north]).isEmpty)
    #expect(try outbox.rows("SELECT id FROM event").map { $0["id"] as String } == [event.id])
    #expect(try outbox.figures().map(\.created) == [1])
  }

  @Test func `reading gives the exact bytes in order, after a sequence and up to a limit`() async throws {
    let outbox = try OutboxFile()
    let events = (1...6).map { Sample.record($0) }
    try outbox.enqueue(events, to: [all])
    try await outbox.apply([DeliveryMark(sink: "all", sequence: 3, attempts: 1, outcome: .delivered)])
    let read = try await outbox.waiting(sink: "all", after: 1, limit: 3)
    #expect(read.deliveries.map(\.sequence) == [2, 4, 5])
    #expect(read.deliveries.map(\.body) == [events[1].body, events[3].body, events[4].body])
    #expect(read.deliveries.map(\.event) == [events[1].id, events[3].id, events[4].id])
    #expect(try await outbox.waiting(sink: "other", after: 0, limit: 3).deliveries == [])
  }

  @Test func `marks balance the counters, and the same mark again changes nothing`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...5).map { Sample.record($0) }, to: [all])
    let expired = DeliveryMark(sink: "all", sequence: 3, attempts: 9, outcome: .dead(.expired, error: "HTTP 503"))
    let marks = [
      DeliveryMark(sink: "all", sequence: 1, attempts: 1, outcome: .delivered),
      DeliveryMark(sink: "all", sequence: 2, attempts: 2, outcome: .dead(.rejected, error: "HTTP 422")), expired,
      DeliveryMark(sink: "all", sequence: 4, attempts: 3, outcome: .retryLater(nextAt: Sample.time, error: "HTTP 500")),
    ]
    #expect(try await outbox.apply(marks) == [expired])
    #expect(try await outbox.apply(marks) == [])
    let figures = try #require(try outbox.figures().first)
    #expect((figures.created, figures.delivered, figures.dead, figures.waiting) == (5, 1, 2, 2))
    #expect((figures.attemptsOfOldest, figures.lastError) == (3, "HTTP 500"))
    #expect(figures.oldestWaitingSince != nil)
    let dead = try outbox.rows("SELECT last_error FROM delivery WHERE state = 2 ORDER BY sequence")
    #expect(dead.map { $0["last_error"] as String } == ["rejected: HTTP 422", "expired: HTTP 503"])
  }

  @Test func `a stopped sink is read as stopped until it is resumed, and loses nothing`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: [all])
    try await outbox.apply([DeliveryMark(sink: "all", sequence: 1, attempts: 1, outcome: .stopped(reason: "HTTP 410"))])
    try outbox.enqueue([Sample.record(2)], to: [all])
    #expect(try await outbox.waiting(sink: "all", after: 0, limit: 9) == SinkBacklog(stopped: "HTTP 410", deliveries: []))
    try outbox.resume("all")
    #expect(try await outbox.waiting(sink: "all", after: 0, limit: 9).deliveries.map(\.sequence) == [1, 2])
  }

  @Test func `what waits is read again by its numbers, with its alert; what does not is left out`() async throws {
    let outbox = try OutboxFile()
    let events = [Sample.record(1, of: 7), Sample.record(2, of: 7), Sample.record(3)]
    try outbox.enqueue(events, to: [all])
    try await outbox.apply([DeliveryMark(sink: "all", sequence: 2, attempts: 1, outcome: .delivered)])
    let found = try await outbox.waiting(sink: "all", sequences: [3, 1, 2, 9])
    #expect(found.deliveries.map(\.sequence) == [3, 1] && found.damaged.isEmpty)
    #expect(found.deliveries.map(\.alert) == ["alert-3", "alert-7"])
    #expect(found.deliveries.map(\.body) == [events[2].body, events[0].body])
  }

  @Test func `an outbox of before events had alerts knows those of what waits`() throws {
    let file = try DatabaseQueue()
    let backlog = try file.write { db in
      for migration in AlertSchema.migrations { try db.execute(sql: migration.sql) }
      for migration in OutboxSchema.migrations where migration.name < "outbox-4" { try db.execute(sql: migration.sql) }
      for (number, body) in [#"{"data":{"alert":"a7"}}"#, #"{"data":{"cause":"x"}}"#, "no JSON", #"{"data":{"alert":"a8"}}"#].enumerated() {
        try db.execute(
          sql: "INSERT INTO event (id, recorded_at, body, checksum) VALUES (?, 1, ?, ?)",
          arguments: ["e\(number)", Array(body.utf8).withUnsafeBytes { Data($0) }, number == 3 ? 5 : nil])
        try db.execute(
          sql: "INSERT INTO delivery (sink, sequence, event, state, first_at, next_at) VALUES ('all', ?, ?, ?, 1, 1)",
          arguments: [number + 1, "e\(number)", number == 3 ? 1 : 0])
      }
      for migration in OutboxSchema.migrations where migration.name >= "outbox-4" { try db.execute(sql: migration.sql) }
      #expect(try Int.fetchOne(db, sql: "SELECT checksum FROM event WHERE id = 'e3'") == 5, "what is over stays as it was")
      return try OutboxTable.waiting(sink: "all", after: 0, limit: 9, in: db)
    }
    #expect(backlog.deliveries.map(\.alert) == ["a7", nil])
    #expect(backlog.damaged == [DamagedDelivery(sequence: 3, what: "event e2 is not as it was written")], "no JSON, and no checksum")
  }

  @Test func `a sink has the time at which one became dead last, and dead letters are news for a day or until they wait again`()
    async throws
  {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...3).map { Sample.record($0) }, to: [all])
    #expect(try outbox.figures()[0].newestDeadAt == nil)
    let before = Wall.now()
    func dead(_ sequence: Int64) -> DeliveryMark {
      DeliveryMark(sink: "all", sequence: sequence, attempts: 1, outcome: .dead(.rejected, error: "HTTP 400"))
    }
    try await outbox.apply([dead(1), dead(2), DeliveryMark(sink: "all", sequence: 3, attempts: 1, outcome: .delivered)])
    let figures = try outbox.figures()[0]
    let died = try #require(figures.newestDeadAt)
    #expect(figures.dead == 2 && figures.delivered == 1 && before <= died && died <= Wall.now())
    for (after, isNews): (Milliseconds, Bool) in [
      (0, true), (86_399_999, true), (86_400_000, false), (-86_399_999, true), (-86_400_000, false),
    ] { #expect(figures.hasDeadNews(now: died + after) == isNews, "after \(after) ms") }
    // A mark that comes twice, as after a crash, makes nothing new.
    try outbox.write { db in _ = try OutboxTable.apply([dead(1)], realNow: died + 1000, in: db) }
    #expect(try outbox.figures()[0] == figures)
    for number in 1...2 {
      #expect(try outbox.obey(.redrive(event: Sample.record(number).id, sink: nil)) == .redriven(count: 1, next: nil))
      #expect(try outbox.figures()[0].hasDeadNews(now: died) == (number == 1))
    }
  }

  @Test func `events are found by how their ids begin, by a range of an index`() throws {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...400).map { Sample.record($0) }, to: [all, north])
    let ids = (1...400).map { Sample.record($0).id }.sorted()
    for id in ids.prefix(40) {
      for length in 0...id.count {
        let beginning = String(id.prefix(length))
        let found = try outbox.write { db in try OutboxTable.events(from: beginning, limit: 6, in: db) }
        #expect(found == Array(ids.filter { $0.hasPrefix(beginning) }.prefix(6)), "\(beginning)")
      }
    }
    let plan = try outbox.rows(
      "EXPLAIN QUERY PLAN SELECT DISTINCT event FROM delivery INDEXED BY delivery_event WHERE event >= 'a' AND event < 'b' ORDER BY event LIMIT 6"
    )
    #expect(plan.map { $0["detail"] as String } == ["SEARCH delivery USING COVERING INDEX delivery_event (event>? AND event<?)"])
  }
}
