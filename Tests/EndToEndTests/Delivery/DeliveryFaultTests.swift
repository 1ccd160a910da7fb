import Database
import Foundation
import GRDB
import Simulation
import Testing

/// What an IOC does wrong, by `thuong ioc --misbehave` beside a real gateway: nothing is lost, and nothing comes under another id.
@Suite(.serialized) struct DeliveryFaultTests {
  @Test func `F6 An IOC that is killed and away gets every event when it is back, in order for each alert and none twice`() async throws {
    let city = try DeliveryCity()
    try await city.ioc.start()
    let child = try await city.start()
    defer { child.end() }
    try city.publish(0..<2)
    #expect(await city.ioc.keeps(16))
    city.ioc.kill()
    let delivered = await city.town.gateway.metric("thuong_events_delivered_total") ?? -1
    #expect(Double(city.ioc.keptCount) >= delivered, "what it acknowledged is on its disk")

    try city.publish(2..<6)
    #expect(await city.waits(for: 48, of: "events_created_total"))
    let waiting = await city.town.gateway.metric("thuong_events_pending") ?? -1
    #expect((32...48).contains(waiting), "the backlog is shown: \(waiting)")
    try await city.ioc.start()
    #expect(await city.waits(for: 0, of: "events_pending"), "\(city.town.log.suffix(500))")
    let (code, summary) = city.ioc.stop()
    #expect(code == 0)
    let kept = try city.ioc.kept()
    #expect(kept.lines == AlertTown.expected(rounds: 0..<6))
    #expect(kept.disordered == [])
    #expect(summary.contains("48 distinct") && summary.contains(" 0 out of order, 0 missing, 0 altered"), "\(summary)")
  }

  @Test func `F7 500 is tried again, 429 waits for its Retry-After, 400 is a dead letter, and 410 stops the sink`() async throws {
    let city = try DeliveryCity(hasSecondSink: true)
    let faults = "fail:25%,429:2s:25%,400:25%"
    // One device's event meets each, and then nothing any more.
    let seed = try AlertTown.seed(for: faults) { fault in
      (0..<3).map { fault($0, 1) } == ["fail", "429", "400"] && (0..<2).allSatisfy { fault($0, 2) == nil }
    }
    try await city.second.start()
    try await city.ioc.start(misbehave: faults, seed: seed)
    let child = try await city.start()
    defer { child.end() }
    try city.publish(0..<1, devices: 3)
    #expect(await city.waits(for: 2, of: "events_delivered_total"), "\(city.town.log.suffix(500))")
    #expect(await city.waits(for: 1, of: "events_dead_total"))
    let asked = city.ioc.stop().summary
    #expect(asked.contains(" 0 too early") && asked.contains("misbehaved: 400 1, 429 1, fail 1"), "\(asked)")
    #expect(try city.ioc.kept().lines == AlertTown.expected(rounds: 0..<1, devices: 2), "the dead letter is the third's")

    try await city.ioc.start(misbehave: "410")
    try city.publish(1..<2, devices: 1)
    #expect(await city.town.says("sink_stopped: ioc"))
    try city.publish(2..<3, devices: 1)
    #expect(await city.second.keeps(5), "the other sink goes on")
    #expect(await city.waits(for: 2, of: "events_pending"))
    #expect(city.ioc.stop().summary.contains("misbehaved: 410 1"), "it is asked nothing more")
  }

  @Test(arguments: ["hang", "slow"])
  func `F8 An IOC that never ends its answer holds up neither another IOC nor the intake, and gets all when it does`(
    fault: String
  ) async throws {
    let city = try DeliveryCity(hasSecondSink: true)
    try await city.second.start()
    try await city.ioc.start(misbehave: fault)
    let child = try await city.start()
    defer { child.end() }
    try city.publish(0..<4)
    #expect(await city.second.keeps(32))
    #expect(await city.town.isStored())
    #expect(await city.waits(for: 0, of: "events_pending", sink: "second"))
    #expect(await city.waits(for: 32, of: "events_pending"), "the first IOC has answered nothing yet")
    if Soak.isOn {
      // The attempt ends by itself.
      #expect(
        await Bench.wait(seconds: 60, every: .milliseconds(100)) {
          await city.town.gateway.get("/readyz")?.body.contains("no answer") == true
        })
    }
    #expect(city.ioc.stop().code == 0, "a stand-in ends at once also with requests that hang")
    try await city.ioc.start()
    #expect(await city.waits(for: 0, of: "events_pending"), "\(city.town.log.suffix(500))")
    for ioc in [city.ioc, city.second] {
      #expect(try ioc.kept().lines == AlertTown.expected(rounds: 0..<4))
      #expect(try ioc.kept().disordered == [])
    }
  }

  @Test func `F9 An IOC that takes an event and loses the answer gets the same event again, under its id and in its bytes`() async throws {
    let city = try DeliveryCity()
    let seed = try AlertTown.seed(for: "drop:30%") { fault in
      (0..<8).count { fault($0, 1) == "drop" } == 2 && (0..<8).allSatisfy { fault($0, 2) == nil }
    }
    try await city.ioc.start(misbehave: "drop:30%", seed: seed)
    let child = try await city.start()
    defer { child.end() }
    try city.publish(0..<1)
    #expect(await city.waits(for: 8, of: "events_delivered_total"), "\(city.town.log.suffix(500))")
    let summary = city.ioc.stop().summary
    #expect(summary.hasPrefix("10 events: 8 distinct, 2 again;"), "each lost answer brings its event once more: \(summary)")
    #expect(summary.contains(" 0 out of order, 0 missing, 0 altered") && summary.hasSuffix("misbehaved: drop 2"), "\(summary)")
    #expect(try city.ioc.kept().lines == AlertTown.expected(rounds: 0..<1))
  }

  /// Twenty kills, 200 in the long form; the moments come from a seed.
  @Test func `F1 Kills of a gateway that is sending lose no event, change no id, and bring the same bytes again`() async throws {
    let kills = Soak.isOn ? 200 : 20
    let seed = Soak.seed
    Bench.say("F1: kills while sending, seed \(seed); repeat with SWEEP_SEED=\(seed)")
    var random = SeededGenerator(seed: seed)
    let city = try DeliveryCity()
    try await city.ioc.start(misbehave: "drop:5%", seed: seed)
    let first = try await city.start()
    var (child, killedWhileSending) = (first, 0)
    for round in 0..<kills {
      try city.publish(round..<round + 1)
      // Where it is then is chance: waking, reading, sending or done.
      let kept = city.ioc.keptCount + Int(random.below(Int64(AlertTown.devices)))
      _ = await Bench.wait(seconds: 0.4, every: .milliseconds(1)) { city.ioc.keptCount >= kept }
      try await Task.sleep(for: .microseconds(random.below(3000)))
      child.send(SIGKILL)
      child.wait()
      if try waiting(city) > 0 { killedWhileSending += 1 }
      child = try city.town.gateway.start()
    }
    defer { child.end() }
    #expect(await city.town.gateway.waitUntilReady(child))
    let expected = AlertTown.expected(rounds: 0..<kills)
    // A kill may cost the proof that nothing was lost at the broker, which is told as a gap: there may be more events than alerts'.
    let isDelivered = await Bench.wait(seconds: 60, every: .milliseconds(20)) {
      guard await city.town.gateway.metric("thuong_events_delivered_total") ?? 0 >= Double(expected.count) else { return false }
      return await city.town.gateway.metric("thuong_events_pending") == 0
    }
    #expect(isDelivered, "seed \(seed): \(city.town.log.suffix(500))")
    let summary = city.ioc.stop().summary
    let kept = try city.ioc.kept().filter { $0.alert != nil }
    #expect(kept.lines == expected, "seed \(seed)")
    #expect(kept.disordered == [], "seed \(seed)")
    #expect(Set(kept.map(\.id)).count == kept.count, "seed \(seed)")
    #expect(summary.contains(" 0 out of order, 0 missing, 0 altered"), "seed \(seed): \(summary)")
    #expect(killedWhileSending > 0, "seed \(seed): some kills came while events waited")
    Bench.say("F1: \(kills) kills, \(killedWhileSending) of them while events waited: \(summary)")
  }

  private func waiting(_ city: DeliveryCity) throws -> Int {
    let reader = try StoreReader(directory: city.town.store)
    return try reader.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM delivery WHERE state = 0") ?? 0 }
  }
}
