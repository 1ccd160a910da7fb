import Foundation
import Simulation
import Testing

/// The machine's wall clock is wrong by a year or an hour. The devices' are right.
@Suite(.serialized) struct MachineClockTests {
  /// No rule holds: what is told depends on the readings' times alone. `silent` reads the clock.
  private static let rules = """
    rules:
      - id: slow
        name: {vi: "Chậm", en: "Slow"}
        where: {domain: traffic}
        when: last(speed) < 15
        severity: major
        message: {vi: "{device.name}: {last(speed)} km/h", en: "{device.name}: {last(speed)} km/h"}
      - id: silent
        name: {vi: "Im lặng", en: "Silent"}
        where: {zone: z1}
        when: age(speed) > 15m
        severity: minor
        message: {vi: "{device.name}", en: "{device.name}"}

    """

  private static func city(_ clock: SteppedClock) async throws -> FaultCity {
    var plan = FaultCity.Plan()
    plan.files["Rules/traffic.yaml"] = rules
    plan.clock = "gateway"
    plan.environment = clock.environment
    return try await FaultCity(plan)
  }

  /// The last four and a half minutes, as fast as the broker takes them.
  private static func sender(_ city: FaultCity) throws -> LoadSender {
    try city.makeSender(seed: 13, rate: nil, start: Int64(Date().timeIntervalSince1970 * 1000) - 270_000)
  }

  private static func isDoubtful(_ city: FaultCity) async -> Bool { await city.problems()?.contains("clock_doubtful") == true }

  /// Nothing rejected, restamped, expired, missing or told twice.
  private static func check(_ city: FaultCity, _ sender: LoadSender, _ child: ChildProcess) async throws {
    try await city.settle(sender)
    #expect(await city.imbalances() == [])
    #expect(await city.gateway.metric("thuong_readings_rejected_total") == 0)
    #expect(await city.gateway.metric("thuong_events_dead_total") == 0)
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "\(readings)")
    let events = try city.comparedEvents(sender, but: ["detectedAt", "late"])
    #expect(events.isRight && events.expected > 100, "\(events)")
    #expect(city.told.gaps == [:])
    Bench.say("F13: \(readings); \(events); \(city.attemptsRefused) deliveries refused meanwhile")
  }

  @Test func `F13 A wall clock that leaps a year and falls back an hour while it runs is doubted, and changes nothing`() async throws {
    let clock = try SteppedClock()
    let city = try await Self.city(clock)
    let child = try await city.start()
    defer { child.send(SIGKILL) }
    let sender = try Self.sender(city)
    defer { sender.abandon() }
    try await sender.send(5_000)
    try await city.settle(sender)
    // Events that wait at the leap are not a year old after it.
    city.answer.change { $0 = 503 }
    try await sender.send(2_000)
    try await city.waitForAccepted(7_000)
    for (number, offset) in [SteppedClock.year, -SteppedClock.hour].enumerated() {
      try clock.step(to: offset)
      let isDoubtful = await Bench.wait(seconds: 10) { await Self.isDoubtful(city) }
      #expect(isDoubtful)
      try await sender.send(5_000)
      try await city.waitForAccepted(12_000 + number * 5_000)
      #expect(await Self.isDoubtful(city))
    }
    // 1 s, 2 s, 4 s ... between attempts: no storm, however wrong the clock.
    #expect(city.attemptsRefused <= 8)
    try clock.step(to: 0)
    city.answer.change { $0 = 204 }
    let isTrusted = await Bench.wait(seconds: 10) { await !Self.isDoubtful(city) }
    #expect(isTrusted)
    try await sender.send(5_000)
    try await Self.check(city, sender, child)
  }

  @Test(arguments: [SteppedClock.year, -SteppedClock.hour])
  func `F13 A gateway that starts with a wrong clock doubts it, and changes nothing`(_ offset: Int) async throws {
    let clock = try SteppedClock()
    let city = try await Self.city(clock)
    let first = try await city.start()
    let sender = try Self.sender(city)
    defer { sender.abandon() }
    try await sender.send(5_000)
    try await city.settle(sender)
    #expect(try await city.stop(first) == 0)

    try clock.step(to: offset)
    let wrong = try city.launch()
    defer { wrong.send(SIGKILL) }
    try await sender.send(5_000)
    try await city.waitForAccepted(10_000)
    #expect(await Self.isDoubtful(city))
    #expect(try await city.stop(wrong) == 0)

    try clock.step(to: 0)
    let child = try city.launch()
    defer { child.send(SIGKILL) }
    try await sender.send(5_000)
    try await city.waitForAccepted(15_000)
    #expect(city.attemptsRefused <= 6)
    // After a start a year ahead the clock stays where it is until the wall clock has caught up: it never goes back.
    if offset < 0 {
      let isTrusted = await Bench.wait(seconds: 10) { await !Self.isDoubtful(city) }
      #expect(isTrusted)
    }
    try await Self.check(city, sender, child)
  }
}
