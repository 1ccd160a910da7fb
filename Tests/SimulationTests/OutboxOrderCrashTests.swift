import Database
import GRDB
import Gateway
import Outbox
import Readings
import Testing

/// A crash at every write and sync of an operator's order: it is done whole, or not at all.
@Suite struct OutboxOrderCrashTests {
  private static let dead = (1...40).map { Int64($0) }

  /// A store with forty dead letters, ten events that wait behind them, and a stopped sink.
  private static func prepared() throws -> (disk: SimulatedDisk, snapshot: SimulatedDisk.Snapshot) {
    let disk = try SimulatedDisk(seed: 7)
    do {
      let store = try GatewayStore(directory: disk.path, durability: .full, sinks: [SinkFilter(sink: "ioc")])
      let events = (1...50).map { number in
        GatewayEvent.gap(
          instance: "swept", cause: "swept", from: time(0), to: time(number), count: nil, detail: nil, detectedAt: time(number))
      }
      try store.file.commit { db in
        _ = try OutboxTable.enqueue(events, to: [SinkFilter(sink: "ioc")], realNow: time(0), in: db)
        let marks = dead.map { DeliveryMark(sink: "ioc", sequence: $0, attempts: 1, outcome: .dead(.rejected, error: "HTTP 400")) }
        _ = try OutboxTable.apply(
          marks + [DeliveryMark(sink: "ioc", sequence: 41, attempts: 1, outcome: .stopped(reason: "HTTP 410"))],
          realNow: time(0), in: db)
      }
    }
    return (disk, try disk.snapshot())
  }

  private static func time(_ after: Int) -> Timestamp { Timestamp(milliseconds: SweptLife.start + Int64(after)) }

  /// What waits, whether the sink is stopped, and whether everything balances.
  private static func state(_ disk: SimulatedDisk) throws -> (waiting: [Int64], isStopped: Bool) {
    let store = try GatewayStore(directory: disk.path, durability: .full, sinks: [SinkFilter(sink: "ioc")])
    return try store.file.read { db in
      let figures = try #require(try OutboxTable.figures(in: db).first)
      let sequences = try Int64.fetchAll(db, sql: "SELECT sequence FROM delivery ORDER BY sequence")
      #expect(sequences == (1...50).map { $0 } && figures.lastSequence == 50, "sequences have no gap")
      let waiting = try Int64.fetchAll(db, sql: "SELECT sequence FROM delivery WHERE state = 0 ORDER BY sequence")
      #expect(figures.waiting == Int64(waiting.count) && figures.created == 50, "figures balance")
      _ = try OutboxTable.page(sink: nil, states: [.waiting, .dead], after: nil, limit: 99, in: db)  // each row is as it was written
      return (waiting, figures.stopped != nil)
    }
  }

  /// A process that does the order and dies at a call of the disk; it has let go of the directory when this returns.
  private static func isAnswered(_ order: OutboxOrder, _ disk: SimulatedDisk, crashAt n: Int) throws -> Bool {
    let store = try GatewayStore(directory: disk.path, durability: .full, sinks: [SinkFilter(sink: "ioc")])
    disk.plan(.crash, at: n, isTorn: n % 2 == 0)
    return (try? store.obey(order, realNow: time(100))) != nil
  }

  @Test(arguments: SimulatedDisk.Restart.allCases) func `A crash at any write or sync leaves a redrive and a resume done or not done`(
    _ restart: SimulatedDisk.Restart
  ) throws {
    let (disk, whole) = try Self.prepared()
    for order in [OutboxOrder.redriveDead(sink: "ioc", since: nil, after: 0), .resume(sink: "ioc")] {
      var (done, undone, n, isOver) = (0, 0, 0, false)
      while !isOver {
        n += 1
        try disk.restore(whole)
        let isAnswered = try Self.isAnswered(order, disk, crashAt: n)
        isOver = !disk.isDead
        disk.heal()
        disk.restart(restart)
        let (waiting, isStopped) = try Self.state(disk)
        let isDone = order == .resume(sink: "ioc") ? !isStopped : waiting.count == 50
        #expect(isDone || (waiting == (41...50).map { $0 } && isStopped), "call \(n): done or not, and nothing between")
        #expect(isDone || !isAnswered, "call \(n): what was answered is done")
        if isDone { done += 1 } else { undone += 1 }
      }
      #expect(undone > 0 && done > 0, "\(order): \(done) done, \(undone) not done, of \(n)")
    }
  }
}
