import Foundation
import Simulation
import Testing

@Suite(.serialized) struct OverloadTests {
  /// The gateway gets a sliver of the processor while the sender goes on: what it cannot take waits at the broker.
  @Test func `F18 Ten times the load waits at the broker, nothing is lost and the alerts are right`() async throws {
    let city = try await FaultCity()
    let child = try await city.start()
    defer {
      child.send(SIGCONT)
      child.send(SIGKILL)
    }
    let sender = try city.makeSender(seed: 18, rate: nil)
    defer { sender.abandon() }
    sender.begin()
    let least = Bench.isSoak ? 300_000 : 20_000
    var accepted = 0
    repeat {
      child.send(SIGSTOP)
      let isOffered = await Bench.wait(seconds: 300) { sender.acknowledged >= 5000 + 10 * accepted }
      try #require(isOffered, "\(sender.acknowledged) acknowledged")
      child.send(SIGCONT)
      accepted = Int(try #require(await city.gateway.metric("thuong_messages_accepted_total")))
    } while sender.acknowledged < least
    child.send(SIGSTOP)
    let isOffered = await Bench.wait(seconds: 300) { sender.acknowledged >= 10 * accepted }
    #expect(isOffered)
    try await sender.finish()
    let offered = sender.acknowledged
    child.send(SIGCONT)
    try await city.settle(sender, seconds: 300)
    let peak = Self.peakMemory(child)
    #expect(peak < 200, "what waits, waits at the broker")
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "\(readings)")
    let events = try city.comparedEvents(sender)
    #expect(events.isRight && events.expected > 50, "\(events)")
    #expect(city.told.gaps == [:])
    Bench.say("F18: \(accepted) taken in while \(offered) were offered; \(readings); \(events); at most \(peak) MB of memory")
  }

  /// Megabytes.
  private static func peakMemory(_ child: ChildProcess) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(child.id)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
  }
}
