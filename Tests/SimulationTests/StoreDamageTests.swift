import Database
import Foundation
import Gateway
import Readings
import SeriesStore
import TestSupport
import Testing

/// What was committed and is no longer what was written is found out at the start or when it is read, never told as if it were true.
@Suite struct StoreDamageTests {
  /// Two ends of the same life: closed, with everything in the file itself; or killed, with a part in the log beside it.
  private enum End: CaseIterable { case closed, killed }

  private enum Found {
    case error, unchanged
    case silence(String)
  }

  private struct Scene {
    let disk: SimulatedDisk
    let snapshot: SimulatedDisk.Snapshot
    let state: [String]

    /// - Parameters:
    ///   - last: what is committed at the end of the life.
    ///   - checkpoint: pages in the log from which on a commit checkpoints: with 60 half of the life is in the log when it ends.
    init(_ end: End, last: [SweptLife.Input] = [], checkpoint: Int = 60) throws {
      disk = try SimulatedDisk(seed: 1)
      var process: SweptStore? = try SweptStore(disk, checkpoint: checkpoint)
      var commits = 0
      for step in SweptLife.steps + (last.isEmpty ? [] : [.commit(last, [])]) {
        guard case .commit(let inputs, let marks) = step else { continue }
        process?.feed(inputs)
        commits += 1
        try process?.commit(marks, number: commits)
      }
      state = try process?.state() ?? []
      if end == .closed { process = nil }
      snapshot = try disk.snapshot()
      process = nil
      try disk.restore(snapshot)
    }

    /// What a start finds after the damage; nil where the file does not reach so far.
    func start(after damage: (SimulatedDisk) -> Bool) throws -> Found? {
      try find(after: damage) { try SweptStore(disk).state() }
    }

    /// What reading every row finds. A row of the log that can be read is one that was written.
    func read(after damage: (SimulatedDisk) -> Bool) throws -> Found? {
      try find(after: damage) {
        let file = try StoreFile(directory: disk.path, durability: .full, migrations: GatewaySchema.migrations)
        var readings = CountedReadings()
        let last = try file.read { try SeriesLog.read($0, into: &readings) }
        if last < file.highWater { throw StoreError.damaged("the log ends too soon") }
        return try [state[0]] + SweptStore.rows(file)
      }
    }

    private func find(after damage: (SimulatedDisk) -> Bool, _ look: () throws -> [String]) throws -> Found? {
      try disk.restore(snapshot)
      guard damage(disk) else { return nil }
      do {
        let found = try look()
        return found == state ? .unchanged : .silence(StoreSweep.difference(found, state))
      } catch {
        return .error
      }
    }
  }

  private struct CountedReadings: LogVisitor {
    var count = 0
    mutating func reading(_ reading: Reading) { count += 1 }
  }

  private struct Tally {
    var points = 0
    var found = 0
    var silences: [String] = []

    mutating func add(_ result: Found?, at place: Int) {
      guard let result else { return }
      points += 1
      switch result {
      case .error: found += 1
      case .unchanged: break
      case .silence(let what): silences.append("at \(place): \(what)")
      }
    }

    func report(_ what: String) {
      print("Store, \(what): \(points) points, \(found) found, \(silences.count) silent")
      for silence in silences.prefix(2) { Issue.record("\(what) \(silence)") }
    }
  }

  private enum Damage: String, CaseIterable {
    case flip = "a flipped bit"
    case zeros = "a sector of zeros"
    case cut = "a lost end"

    /// From one place to the next, in bytes.
    var step: Int { self == .flip ? 211 : 700 }

    /// False where the file does not reach so far.
    func strike(_ disk: SimulatedDisk, _ name: String, at place: Int) -> Bool {
      switch self {
      case .flip: disk.flip(bit: place % 8, ofByte: place, in: name)
      case .zeros: disk.overwrite(name, at: place, with: [UInt8](repeating: 0, count: 512))
      case .cut: disk.truncate(name, to: place)
      }
    }
  }

  private let file = StoreFile.name
  private var log: String { "\(StoreFile.name)-wal" }

  @Test func `Damage of the write-ahead log is found at the start`() throws {
    let scene = try Scene(.killed)
    for damage in Damage.allCases {
      var tally = Tally()
      for place in stride(from: 0, to: 1_000_000, by: damage.step) {
        tally.add(try scene.start { damage.strike($0, log, at: place) }, at: place)
      }
      tally.report("write-ahead log, \(damage.rawValue)")
      #expect(tally.found > 15)
    }
  }

  @Test func `A log that lost a commit of nothing but an event is found`() throws {
    let scene = try Scene(.killed, last: [.gap(from: 240_000, to: 250_000)])
    var tally = Tally()
    for place in stride(from: 0, to: 1_000_000, by: 1300) { tally.add(try scene.start { $0.truncate(log, to: place) }, at: place) }
    tally.report("write-ahead log, its last commit an event")
    #expect(tally.found > 5)
  }

  @Test func `A lost file is found`() throws {
    for (end, name) in [(End.closed, file), (.killed, file), (.killed, log)] {
      var tally = Tally()
      // The last commit stands in the log alone, whenever the one before was copied into the file.
      tally.add(try Scene(end, last: [.gap(from: 240_000, to: 250_000)]).start { $0.remove(name) }, at: 0)
      tally.report("\(name) is gone, \(end)")
      #expect(tally.found == 1)
    }
  }

  @Test func `Damage of the file is found when it is read`() throws {
    for end in End.allCases {
      // What stands in the log covers the file's own pages: here that is little.
      let scene = try Scene(end, checkpoint: 8)
      for damage in Damage.allCases {
        var tally = Tally()
        for place in stride(from: 0, to: 1_000_000, by: damage.step) {
          tally.add(try scene.read { damage.strike($0, file, at: place) }, at: place)
        }
        #expect(tally.found > 5)
        let isLog = tally.silences.filter { $0.contains("\nlog ") || $0.contains(": log ") }
        #expect(isLog == [], "what the log tells is what was written")
        withKnownIssue("no page and no row but the log's has a checksum", isIntermittent: true) {
          tally.report("file, \(end), \(damage.rawValue)")
        }
      }
    }
  }
}
