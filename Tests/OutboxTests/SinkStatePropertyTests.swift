import Outbox
import Readings
import Testing

/// Random answers, delays, outages and restarts, from seeds that are told: see `SinkWorld`.
@Suite struct SinkStatePropertyTests {
  private static let seeds = UInt64(1)...16

  private func run(_ plan: SinkWorld.Plan) -> SinkWorld {
    var world = SinkWorld(plan)
    let isOver = world.run()
    #expect(isOver, "seed \(plan.seed): \(world.delivered.count) delivered, \(world.dead.count) dead of \(plan.events) at \(world.now)")
    #expect(world.faults.isEmpty, "seed \(plan.seed): \(world.faults.prefix(3))")
    return world
  }

  @Test(arguments: seeds) func `every event ends delivered or dead, in the order of its alert, within all bounds`(seed: UInt64) {
    var plan = SinkWorld.Plan(seed: seed)
    plan.concurrency = [1, 2, 4, 8, 32][Int(seed % 5)]
    plan.trouble = [0, 2, 5, 20][Int(seed % 4)]
    plan.alerts = [1, 7, 60, 300][Int(seed / 2 % 4)]
    let world = run(plan)
    #expect(world.delivered.count + world.dead.count == plan.events)
  }

  @Test(arguments: seeds) func `restarts lose nothing and keep every promise`(seed: UInt64) {
    var plan = SinkWorld.Plan(seed: seed)
    plan.trouble = 3
    plan.restarts = (0..<6).map { 3_000 + Int64(seed) * 131 % 4_000 + $0 * 9_000 }
    let world = run(plan)
    #expect(world.delivered.union(world.dead).count == plan.events)
  }

  @Test(arguments: seeds) func `damaged rows are set aside wherever they are met, and orders to go on break no promise`(seed: UInt64) {
    var plan = SinkWorld.Plan(seed: seed)
    (plan.damage, plan.trouble, plan.alerts) = ([2, 5, 30][Int(seed % 3)], 6, [1, 40, 300][Int(seed / 3 % 3)])
    plan.resumes = (0..<5).map { Int64(seed) * 977 % 7_000 + $0 * 13_000 }
    if seed % 2 == 0 { plan.restarts = [9_000, 31_000] }
    let world = run(plan)
    #expect(world.delivered.union(world.dead).count == plan.events)
    #expect(!world.damagedDead.isEmpty, "seed \(seed)")
  }

  @Test(arguments: seeds) func `the rate is kept`(seed: UInt64) {
    var plan = SinkWorld.Plan(seed: seed)
    let rate = [0.5, 7, 40, 900][Int(seed % 4)]
    (plan.rate, plan.span, plan.events, plan.trouble, plan.concurrency) = (rate, 1, 120, 12, 32)
    let world = run(plan)
    for first in world.sends.indices {
      for last in first..<world.sends.endIndex {
        let span = Double(world.sends[last].at - world.sends[first].at)
        let most = 1 + rate * (span + 101) / 1000
        if Double(last - first + 1) > most { Issue.record("seed \(seed): \(last - first + 1) in \(span) ms at \(rate) a second") }
      }
    }
  }

  @Test(arguments: UInt64(1)...8) func `F6 an outage of half an hour ends without a storm, and everything is delivered soon after`(
    seed: UInt64
  ) {
    var plan = SinkWorld.Plan(seed: seed)
    let outage = Int64(20_000)..<Int64(1_820_000)
    (plan.trouble, plan.outages, plan.events, plan.alerts, plan.span) = (0, [outage], 2_000, 400, 1_700_000)
    let world = run(plan)
    #expect(world.delivered.count == plan.events)
    let during = world.sends.filter { outage.contains($0.at) }.count
    #expect(during <= 60, "seed \(seed): \(during) requests while it was down")
    #expect(world.now <= outage.upperBound + 75_000 + 2_000 * 200, "seed \(seed): over \(world.now - outage.upperBound) ms later")
  }

  @Test(arguments: UInt64(1)...8) func `events that are never taken hold up their own alerts only, and no page of them the rest`(
    seed: UInt64
  ) {
    var plan = SinkWorld.Plan(seed: seed)
    (plan.trouble, plan.poisoned, plan.events, plan.alerts, plan.span) = (0, 150, 1_500, 500, 100)
    plan.giveUp = 86_400_000
    let world = run(plan)
    #expect(world.dead.isSubset(of: Set(1...150)) && world.dead.count == 150, "seed \(seed): \(world.dead.count) dead")
    let good = world.sends.first { $0.sequence == 500 }?.at ?? .max
    #expect(good < 3_600_000, "seed \(seed): the last alert that can be delivered waited until \(good)")
    #expect(world.loadedMost <= SinkState.loadedMax + 64, "\(world.loadedMost) bodies in memory")
  }
}
