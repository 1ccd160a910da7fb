import Foundation
import Simulation
import Testing

@Suite(.serialized) struct StopTests {
  @Test func `F19 SIGTERM at any time under load ends it in ten seconds and loses nothing, and a second one is safe`() async throws {
    let seed = ProcessInfo.processInfo.environment["KILL_SEED"].flatMap { UInt64($0) } ?? 19
    var random = SeededGenerator(seed: seed)
    let city = try await FaultCity()
    let sender = try city.makeSender(seed: seed, rate: 5000)
    defer { sender.abandon() }
    // The session must be there before anything is sent: until then a broker keeps nothing for it.
    #expect(try await city.stop(try await city.start()) == 0)
    sender.begin()
    var slowest = 0.0
    for round in 0..<(Bench.isSoak ? 200 : 8) {
      sender.limit.change { $0 = 4000 * (round + 1) }
      let child = try city.launch()
      defer { child.send(SIGKILL) }
      let signals = round % 2 + 1
      // Half of them while it starts.
      let delay = random.below(round % 4 < 2 ? 150_000 : 700_000)
      try await Task.sleep(for: .microseconds(delay))
      let isReady = city.log.split(separator: "\n").last?.contains("Intake is up") == true
      let began = ContinuousClock.now
      for _ in 0..<signals {
        child.send(SIGTERM)
        try await Task.sleep(for: .microseconds(random.below(30_000)))
      }
      let hasEnded = await Bench.wait(seconds: 15) { !child.isRunning }
      slowest = max(slowest, Bench.seconds(since: began))
      #expect(hasEnded, "seed \(seed), round \(round)")
      // Before it listens to signals, the signal itself ends it: nothing has begun that could be lost.
      let allowed: [Int32] = isReady ? [0] : [0, 128 + SIGTERM]
      #expect(allowed.contains(child.exitCode), "seed \(seed), round \(round), \(delay) µs, \(child.exitCode): \(city.log)")
    }
    #expect(slowest < 10)
    let child = try await city.start()
    defer { child.send(SIGKILL) }
    try await sender.finish()
    try await city.settle(sender)
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "seed \(seed): \(readings)")
    let events = try city.comparedEvents(sender)
    #expect(events.isRight && events.expected > 50, "seed \(seed): \(events)")
    #expect(city.told.gaps == [:])
    Bench.say("F19: ended in \(slowest) s at most; \(readings); \(events)")
  }

  @Test func `F20 A second instance on the data directory exits with 4, and the first goes on`() async throws {
    let city = try await FaultCity()
    let first = try await city.start()
    defer { first.send(SIGKILL) }
    let second = try city.launch()
    try await Bench.blocking { second.wait() }
    #expect(second.exitCode == 4)
    #expect(city.log.contains("in use by another thuong serve"), "\(city.log)")
    #expect(await city.gateway.get("/readyz")?.status == 200)
    #expect(try await city.stop(first) == 0)
  }

  @Test func `F20 After kill -9 of the first the next starts at once, and again only one`() async throws {
    let city = try await FaultCity()
    var child = try await city.start()
    defer { child.send(SIGKILL) }
    for _ in 0..<(Bench.isSoak ? 50 : 2) {
      child.send(SIGKILL)
      child.wait()
      let two = [try city.launch(), try city.launch()]
      // One of the two that start together gets the directory.
      let isDecided = await Bench.wait(seconds: 10) { two.contains { !$0.isRunning } }
      #expect(isDecided)
      #expect(two.map(\.exitCode).sorted() == [-1, 4], "\(city.log)")
      child = two.first { $0.isRunning } ?? two[0]
      let isReady = await city.gateway.waitUntilReady(child, seconds: 10)
      #expect(isReady, "\(city.log)")
    }
    #expect(try await city.stop(child) == 0)
  }
}
