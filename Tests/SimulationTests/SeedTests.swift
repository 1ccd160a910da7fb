import Foundation
import Readings
import Synchronization
import TestSupport
import Testing

/// The flagship: whole systems from seeds, each judged by ledgers and an independent model. See README.md beside this file.
@Suite struct SeedTests {
  /// `SEED=n` runs that one alone, `SEEDS=n` so many, from `FIRST_SEED` on.
  @Test func `Every seed keeps the promises`() async throws {
    let environment = ProcessInfo.processInfo.environment
    let only = environment["SEED"].flatMap { UInt64($0) }
    let first = only ?? environment["FIRST_SEED"].flatMap { UInt64($0) } ?? 1
    let count = only == nil ? environment["SEEDS"].flatMap { UInt64($0) } ?? 1000 : 1
    let town = try SimulatedTownFiles()
    let tally = SeedTally(first: first, count: count)
    let began = ContinuousClock.now
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<ProcessInfo.processInfo.activeProcessorCount { group.addTask { await tally.work(town) } }
    }
    report(tally, seconds: (ContinuousClock.now - began) / .seconds(1))
    for failure in tally.failures.sorted(by: { $0.seed < $1.seed }) {
      Issue.record("seed \(failure.seed): \(failure.verdict)\nrepeat it with: SEED=\(failure.seed) make test ARGS=\"--filter SeedTests\"")
    }
    #expect(tally.done == Int(count) || !tally.failures.isEmpty)
  }

  private func report(_ tally: SeedTally, seconds: Double) {
    let figures = tally.figures
    print(
      "simulation: \(tally.done) seeds in \(Int(seconds)) s: \(figures.milliseconds / 3_600_000) hours, \(figures.messages) messages, "
        + "\(figures.readings) readings, \(figures.events) events, \(figures.lives) lives of the gateway, \(figures.losses) messages lost by brokers"
    )
  }
}

/// Seeds handed out to threads, and what came of them.
private final class SeedTally: Sendable {
  private struct Total {
    var next: UInt64
    var figures = WholeSystem.Figures()
    var failures: [(seed: UInt64, verdict: String)] = []
    var done = 0
  }

  private static let failuresMax = 5
  private let total: Mutex<Total>
  private let end: UInt64

  init(first: UInt64, count: UInt64) {
    total = Mutex(Total(next: first))
    end = first + count
  }

  var figures: WholeSystem.Figures { total.withLock { $0.figures } }
  var failures: [(seed: UInt64, verdict: String)] { total.withLock { $0.failures } }
  var done: Int { total.withLock { $0.done } }

  /// Takes one seed after another, on a thread of its own: a simulation computes for long, which the cooperative pool is not for.
  func work(_ town: SimulatedTownFiles) async {
    await withCheckedContinuation { continuation in
      let thread = Thread {
        while let seed = self.next() { self.run(seed, town) }
        continuation.resume()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  private func next() -> UInt64? {
    total.withLock { total in
      guard total.next < end, total.failures.count < Self.failuresMax else { return nil }
      defer { total.next += 1 }
      return total.next
    }
  }

  private func run(_ seed: UInt64, _ town: SimulatedTownFiles) {
    var figures = WholeSystem.Figures()
    var verdict: String?
    do {
      let system = try WholeSystem(plan: SimulationPlan(seed: seed), town: town)
      system.run()
      figures = try system.judge()
      verdict = system.verdict
      if ProcessInfo.processInfo.environment["SEED"] != nil { print(system.history) }
    } catch {
      verdict = "it cannot be judged: \(error)"
    }
    total.withLock { total in
      total.done += 1
      total.figures.add(figures)
      if let verdict { total.failures.append((seed, verdict)) }
    }
  }
}
