import Foundation
import Simulation
import Testing

/// The network between gateway and broker drops everything and says nothing.
@Suite(.serialized) struct CutLinkTests {
  /// Seconds; the long form takes the default.
  private static let keepAlive = Bench.isSoak ? 30.0 : 1.0

  private static func plan(_ brokerSettings: [String] = []) -> FaultCity.Plan {
    var plan = FaultCity.Plan()
    plan.isProxied = true
    plan.brokerSettings = brokerSettings
    if !Bench.isSoak { plan.environment = ["THUONG_BROKER_KEEP_ALIVE": "\(Int(keepAlive))s"] }
    return plan
  }

  /// Cuts the link and waits until the gateway says so; returns after how many seconds.
  private static func cut(_ city: FaultCity) async -> Double {
    city.proxy?.cut()
    let began = ContinuousClock.now
    _ = await Bench.wait(seconds: 4 * keepAlive) { await city.problems()?.contains("intake_") == true }
    return Bench.seconds(since: began)
  }

  @Test func `F5 A cut network is noticed within two keep-alives, and nothing is lost that the broker can queue`() async throws {
    let city = try await FaultCity(Self.plan())
    let child = try await city.start()
    defer { child.send(SIGKILL) }
    let sender = try city.makeSender(seed: 5, rate: Bench.isSoak ? 200 : 2000)
    defer { sender.abandon() }
    sender.begin()
    try await city.waitForAccepted(1000)
    let began = ContinuousClock.now
    let noticed = await Self.cut(city)
    // A second and a half for a busy machine.
    #expect(noticed < 2 * Self.keepAlive + 1.5, "noticed after \(noticed) s")
    // Ten minutes, or as long as a few thousand messages take: beyond what is on its way to the gateway at one time.
    let before = sender.acknowledged
    let isQueued = await Bench.wait(seconds: 700) {
      sender.acknowledged >= before + 4000 && (!Bench.isSoak || Bench.seconds(since: began) > 600)
    }
    #expect(isQueued)
    #expect(await city.problems()?.contains("intake_") == true)
    city.proxy?.heal()
    try await sender.finish()
    try await city.settle(sender, seconds: 120)
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "\(readings)")
    let events = try city.comparedEvents(sender)
    #expect(events.isRight, "\(events)")
    // A CONNECT that got no answer may have begun a new session: whoever cannot prove that it did not says so, once.
    let gaps = city.told.gaps
    #expect(gaps.keys.allSatisfy { $0 == "session_unproved" } && gaps["session_unproved", default: 0] <= 1, "\(gaps)")
    Bench.say("F5: noticed after \(noticed) s; \(sender.acknowledged) acknowledged; \(readings); \(events)")
  }

  @Test func `F5 What a cut network loses beyond the broker's queue is told as a gap`() async throws {
    let city = try await FaultCity(Self.plan(["max_queued_messages 1000", "sys_interval 1"]))
    let child = try await city.start()
    defer { child.send(SIGKILL) }
    let sender = try city.makeSender(seed: 6, rate: nil)
    defer { sender.abandon() }
    try await sender.send(1000)
    try await city.settle(sender)
    _ = await Self.cut(city)
    try await sender.send(5000)
    city.proxy?.heal()
    let isUp = await Bench.wait(seconds: 60) { await city.problems()?.contains("intake_") == false }
    #expect(isUp)
    // The broker says every second what it has dropped, and a tick tells it: the sender's clock is moved on over the next minute.
    let isTold = try await Bench.wait(seconds: 60, every: .milliseconds(500)) {
      // No more than the broker can hold for a gateway that is slow at this moment: 900 on their way, 1,000 queued.
      try await sender.send(1500)
      try await city.settle(sender)
      return city.told.gaps["broker_dropped", default: 0] >= 1
    }
    #expect(isTold, "gaps told: \(city.told.gaps)")
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.lost > 0 && readings.wrong == 0, "\(readings)")
  }
}
