import Database
import Foundation
import GRDB
import Simulation
import Synchronization
import Testing

@Suite(.serialized) struct KillTests {
  /// kill -9 of the real binary, under load, with real peers. Each round of twenty has its own seed, broker and store.
  @Test func `F1 Kills under load lose no reading, no event and no order that was answered, and it is ready again in 5 s`() async throws {
    let environment = ProcessInfo.processInfo.environment
    let seed = environment["KILL_SEED"].flatMap { UInt64($0) } ?? 20_251_121
    let kills = environment["KILLS"].flatMap { Int($0) } ?? (Bench.isSoak ? 1000 : 20)
    Bench.say("F1: seed \(seed), \(kills) kills; repeat with KILL_SEED=\(seed) KILLS=\(kills)")
    var total = KillRun.Result()
    for round in 0..<UInt64((kills + 19) / 20) {
      let run = try await KillRun(seed: seed + round, kills: min(20, kills - Int(round) * 20))
      let result = try await run.perform()
      total.add(result)
      if kills > 20 { Bench.say("F1: round \(round + 1), seed \(seed + round): \(result)") }
      #expect(result.readings.isRight, "seed \(seed + round): \(result.readings)")
      #expect(result.events.isRight, "seed \(seed + round): \(result.events)")
      #expect(result.imbalances == [], "seed \(seed + round)")
      #expect(result.orders.faults == [], "seed \(seed + round)")
      #expect(result.exitCode == 0, "SIGTERM ends the gateway cleanly")
    }
    Bench.say("F1: \(total)")

    // The kills hit where it hurts.
    #expect(total.leastAcknowledgedBetweenKills >= 5000)
    #expect(total.killsBeforeAcknowledgement >= kills / 2)
    #expect(total.redeliveries > 0)
    #expect(total.pendingAtKills >= 10)
    #expect(total.events.expected >= 50)
    #expect(total.orders.done >= kills && total.orders.cut > 0, "orders were answered, and kills cut some off")
    #expect(total.slowestStart < 5)
  }
}

/// Kills of one gateway on one store; what each of its peers knows afterwards.
private final class KillRun: Sendable {
  struct Result: CustomStringConvertible {
    var kills = 0
    var acknowledged = 0
    var leastAcknowledgedBetweenKills = Int.max
    /// Kills after which the broker sent messages again: it had sent them, and got no PUBACK.
    var killsBeforeAcknowledgement = 0
    var redeliveries = 0
    var pendingAtKills = 0
    /// Seconds from the start after a kill until it was ready.
    var slowestStart = 0.0
    var readings = ReadingComparison()
    var events = EventComparison()
    var orders = OperatorDesk.Outcome()
    var imbalances: [String] = []
    var exitCode: Int32 = 0

    mutating func add(_ other: Result) {
      kills += other.kills
      acknowledged += other.acknowledged
      leastAcknowledgedBetweenKills = min(leastAcknowledgedBetweenKills, other.leastAcknowledgedBetweenKills)
      killsBeforeAcknowledgement += other.killsBeforeAcknowledgement
      redeliveries += other.redeliveries
      pendingAtKills += other.pendingAtKills
      slowestStart = max(slowestStart, other.slowestStart)
      readings.stored += other.readings.stored
      readings.lost += other.readings.lost
      readings.wrong += other.readings.wrong
      events.expected += other.events.expected
      events.missing += other.events.missing
      events.doubled += other.events.doubled
      events.different += other.events.different
      orders.done += other.orders.done
      orders.cut += other.orders.cut
      orders.refused += other.orders.refused
    }

    var description: String {
      "\(kills) kills, \(acknowledged) acknowledged, \(redeliveries) redeliveries after \(killsBeforeAcknowledgement) kills, "
        + "\(readings.lost) lost, \(readings.wrong) wrong; \(events.expected) events, \(events.missing) missing, "
        + "\(events.doubled + events.different) doubled or different; \(orders); \(pendingAtKills) alerts pending at kills; "
        + "ready again in \(String(format: "%.2f", slowestStart)) s at most"
    }
  }

  private let city: FaultCity
  private let seed: UInt64
  private let kills: Int
  /// How much of the broker's log was read.
  private let logRead = Mutex<UInt64>(0)

  init(seed: UInt64, kills: Int) async throws {
    (self.seed, self.kills) = (seed, kills)
    var plan = FaultCity.Plan()
    plan.brokerSettings = ["log_type debug"]
    city = try await FaultCity(plan)
  }

  func perform() async throws -> Result {
    var result = Result()
    var random = SeededGenerator(seed: seed ^ 0x6b69_6c6c)
    var child = try await city.start()
    defer { child.send(SIGKILL) }
    let sender = try city.makeSender(seed: seed)
    defer { sender.abandon() }
    sender.begin()
    let desk = OperatorDesk(gateway: city.gateway, seed: seed)
    let operators = Task { await desk.work() }
    defer { desk.close() }
    var accepted = 0
    for _ in 0..<kills {
      let goal = accepted + 5000 + Int(random.below(2000))
      sender.limit.change { $0 = goal + 3000 }
      let now = try await city.waitForAccepted(goal)
      try await Task.sleep(for: .microseconds(random.below(20_000)))
      child.send(SIGKILL)
      child.wait()
      result.kills += 1
      result.leastAcknowledgedBetweenKills = min(result.leastAcknowledgedBetweenKills, now - accepted)
      result.pendingAtKills += try pendingAlerts()
      let began = ContinuousClock.now
      child = try await city.start()
      result.slowestStart = max(result.slowestStart, Bench.seconds(since: began))
      accepted = Int(await city.gateway.metric("thuong_messages_accepted_total") ?? 0)
      let again = try redeliveries()
      if again > 0 { result.killsBeforeAcknowledgement += 1 }
      result.redeliveries += again
    }
    desk.close()
    await operators.value
    try await sender.finish()
    try await city.settle(sender)
    result.imbalances = await city.imbalances()
    result.exitCode = try await city.stop(child)
    result.acknowledged = sender.acknowledged
    result.readings = try await city.comparedReadings(sender)
    let (orders, commands) = try desk.compared(withStore: city.gateway.storeDirectory)
    result.orders = orders
    result.events = try city.comparedEvents(sender, commands: commands)
    return result
  }

  private func pendingAlerts() throws -> Int {
    let reader = try StoreReader(directory: city.gateway.storeDirectory)
    return try reader.read { db in
      try Int.fetchOne(db, sql: "SELECT count(*) FROM life WHERE breached_at IS NOT NULL AND raised_at IS NULL") ?? 0
    }
  }

  /// What the broker says that it sent again, with the DUP flag, since the last call.
  private func redeliveries() throws -> Int {
    let log = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(city.directory.path)/mosquitto.log"))
    defer { try? log.close() }
    try log.seek(toOffset: logRead.withLock { $0 })
    let text = try log.readToEnd() ?? Data()
    logRead.withLock { $0 += UInt64(text.count) }
    // A log of megabytes: looked through byte by byte for the end of "Sending PUBLISH to thuong-demo (d1,".
    let sign = Array("-demo (d1,".utf8)
    return text.withUnsafeBytes { bytes in
      bytes.indices.dropLast(sign.count - 1).count { start in
        bytes[start] == sign[0] && bytes[start..<(start + sign.count)].elementsEqual(sign)
      }
    }
  }
}

/// Why a test of the real binary cannot go on.
struct KillFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
