import Database
import GRDB
import Gateway
import Readings
import Testing

/// A seal is one transaction: chunk rows, rollup rows, what was sealed, and where the log was cut.
@Suite struct SealingFaultTests {
  /// Half a day of two detectors, in several commits, on a disk of its own; nothing of it is sealed.
  private static func store(_ disk: SimulatedDisk) throws -> SweptStore {
    let store = try SweptStore(disk)
    for number in 0..<3 {
      store.feed(
        (0..<80).map { place in
          let at = Int64(number * 80 + place) * 180_000
          return .message(device: place % 2 == 0 ? "tr-1" : "tr-2", payload: "{\"values\":{\"speed\":\(40 + place % 17)}}", at: at)
        })
      _ = try store.store.commit(store.engine, realNow: Timestamp(milliseconds: SweptLife.start))
    }
    return store
  }

  private static func rows(_ store: SweptStore) throws -> [String] { try SweptStore.rows(store.store.file) }

  /// Before and after sealing, and the calls that it took.
  private static func reference() throws -> (before: [String], after: [String], calls: Int) {
    let disk = try SimulatedDisk(seed: 0)
    let store = try store(disk)
    let before = try rows(store)
    let calls = disk.statistics.changes
    try store.store.sealAll(store.engine, realNow: Timestamp(milliseconds: SweptLife.start))
    let after = try rows(store)
    #expect(before.count { $0.hasPrefix("rollup ") } == 0 && after.count { $0.hasPrefix("rollup ") } >= 3)
    #expect(after.contains { $0.hasPrefix("chunk ") })
    return (before, after, disk.statistics.changes - calls)
  }

  @Test func `A seal that finds no room, fails, is killed or loses power leaves rows as they were or all of them new`() throws {
    let reference = try Self.reference()
    var (full, old, new) = (0, 0, 0)
    for n in 1...reference.calls {
      let effects: [(SimulatedDisk.Effect, SimulatedDisk.Restart)] = [
        (.noSpace, .kill), (n % 2 == 0 ? .error : .crash, .kill), (.crash, .powerLoss),
      ]
      for (effect, restart) in effects {
        let disk = try SimulatedDisk(seed: UInt64(n))
        var store: SweptStore? = try Self.store(disk)
        disk.plan(effect, at: n, isTorn: n % 2 == 0)
        do { try store.map { try $0.store.sealAll($0.engine, realNow: Timestamp(milliseconds: SweptLife.start)) } } catch {
          #expect(effect != .noSpace || error is StoreError, "\(effect) at call \(n): \(error)")
        }
        let isAlive = effect == .noSpace && disk.statistics.failures > 0
        disk.heal()
        if isAlive, let store, let rows = try? Self.rows(store), rows == reference.before { full += 1 }
        store = nil
        disk.restart(restart)
        let again = try SweptStore(disk)
        let rows = try Self.rows(again)
        if rows == reference.before { old += 1 } else if rows == reference.after { new += 1 }
        let isWhole = rows == reference.before || rows == reference.after
        #expect(isWhole, "\(effect) at call \(n): \(StoreSweep.difference(rows, reference.after))")
        try again.store.sealAll(again.engine, realNow: Timestamp(milliseconds: SweptLife.start))
        let end = try Self.rows(again)
        #expect(end == reference.after, "\(effect) at call \(n), sealed again: \(StoreSweep.difference(end, reference.after))")
      }
    }
    #expect(full > 0 && old > 0 && new > 0)
    print("Sealing: \(reference.calls) calls, \(full) without room and unchanged, \(old) as before, \(new) sealed")
  }
}
