import Foundation
import Simulation
import Testing

/// The broker stops, cleanly and otherwise, with messages on their way and in its queue.
@Suite(.serialized) struct BrokerFaultTests {
  @Test func `F3 A broker that restarts cleanly under load costs nothing, and the gateway comes back by itself`() async throws {
    var plan = FaultCity.Plan()
    plan.isBrokerPersistent = true
    let city = try await FaultCity(plan)
    let child = try await city.start()
    defer { child.send(SIGKILL) }
    let sender = try city.makeSender(seed: 3, rate: 5000)
    defer { sender.abandon() }
    sender.begin()
    for round in 1...(Bench.isSoak ? 30 : 2) {
      sender.limit.change { $0 = 4000 * round + 4000 }
      let before = try await city.waitForAccepted(4000 * round)
      try await Bench.blocking { city.stopBroker() }
      let isNoticed = await Bench.wait(seconds: 5) { await city.problems()?.contains("intake_") == true }
      #expect(isNoticed, "/readyz says that the broker is gone")
      try await Bench.blocking { try city.startBroker() }
      sender.limit.change { $0 += 1000 }
      try await city.waitForAccepted(before + 1)
    }
    try await sender.finish()
    try await city.settle(sender)
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "\(readings)")
    let events = try city.comparedEvents(sender)
    #expect(events.isRight && events.expected > 50, "\(events)")
    // mosquitto 2.0 takes no leave when it stops: that it had saved everything cannot be proved, which is said, once a restart.
    let gaps = city.told.gaps
    #expect(gaps.keys.allSatisfy { $0 == "broker_restarted" }, "\(gaps)")
    #expect(gaps["broker_restarted", default: 0] <= (Bench.isSoak ? 30 : 2), "\(gaps)")
    Bench.say("F3: \(sender.acknowledged) acknowledged; \(readings); \(events)")
  }

  /// A broker that died with messages of ours in its queue: the gateway was stopped (SIGSTOP) while the sender went on.
  private func killedBroker(_ plan: FaultCity.Plan, messages: Int) async throws -> (city: FaultCity, readings: ReadingComparison) {
    var plan = plan
    plan.brokerSettings.append("sys_interval 1")
    let city = try await FaultCity(plan)
    let child = try await city.start()
    defer {
      child.send(SIGCONT)
      child.send(SIGKILL)
    }
    let sender = try city.makeSender(seed: 4)
    defer { sender.abandon() }
    for _ in 1...(Bench.isSoak ? 10 : 1) {
      let began = ContinuousClock.now
      try await sender.send(messages)
      try await city.settle(sender)
      // It has said how long it runs before it dies.
      _ = await Bench.wait(seconds: 10) { Bench.seconds(since: began) > 4 }
      child.send(SIGSTOP)
      try await sender.send(messages)
      city.killBroker()
      try await Bench.blocking { try city.startBroker() }
      child.send(SIGCONT)
    }
    // What comes now comes last in the queue.
    try await sender.send(1)
    try await city.settle(sender)
    _ = await Bench.wait(seconds: 10) { !city.told.gaps.isEmpty }
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    return (city, try await city.comparedReadings(sender))
  }

  @Test func `F4 A killed broker of mosquitto's defaults loses its queue, and the gap reaches the IOC`() async throws {
    let (city, readings) = try await killedBroker(FaultCity.Plan(), messages: 2000)
    #expect(readings.lost > 0 && readings.wrong == 0, "\(readings)")
    #expect(city.told.gaps["session_lost"] == (Bench.isSoak ? 10 : 1))
    #expect(Set(city.told.gaps.keys).isSubset(of: ["session_lost", "broker_restarted"]), "\(city.told.gaps)")
    Bench.say("F4, defaults: \(readings); gaps told \(city.told.gaps)")
  }

  @Test func `F4 A killed broker of the hardened configuration loses nothing that it acknowledged, or a gap is told`() async throws {
    var plan = FaultCity.Plan()
    plan.isBrokerPersistent = true
    plan.brokerSettings = ["autosave_on_changes true", "autosave_interval 1"]
    let (city, readings) = try await killedBroker(plan, messages: 1000)
    #expect(readings.wrong == 0, "\(readings)")
    // The broker acknowledges before it saves: what it had received in its last turn is gone with it.
    #expect(readings.lost <= 500 * RushHour.metrics.count, "\(readings)")
    #expect(city.told.gaps["broker_restarted", default: 0] >= 1, "its shorter uptime proves it: \(city.told.gaps)")
    Bench.say("F4, hardened: \(readings); gaps told \(city.told.gaps)")
  }

  @Test func `F4 A killed broker that comes back with an older state is a gap`() async throws {
    var plan = FaultCity.Plan()
    plan.isBrokerPersistent = true
    plan.brokerSettings = ["sys_interval 1"]
    let began = ContinuousClock.now
    let city = try await FaultCity(plan)
    let first = try await city.start()
    let sender = try city.makeSender(seed: 44)
    defer { sender.abandon() }
    try await sender.send(1)
    try await city.settle(sender)
    // The gateway has heard how long the broker runs; and a broker's life that is shorter than that is exact proves nothing later.
    _ = await Bench.wait(seconds: 30) { Bench.seconds(since: began) > 18 }
    #expect(try await city.stop(first) == 0)
    // Saved with the session in it; mosquitto's own next save is half an hour away.
    try await Bench.blocking {
      city.stopBroker()
      try city.startBroker()
    }
    try await sender.send(1000)
    city.killBroker()
    try await Bench.blocking { try city.startBroker() }
    let child = try await city.start()
    defer { child.send(SIGKILL) }
    try await sender.send(1)
    try await city.settle(sender)
    let isTold = await Bench.wait(seconds: 10) { !city.told.gaps.isEmpty }
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(isTold && readings.wrong == 0, "\(readings)")
  }
}
