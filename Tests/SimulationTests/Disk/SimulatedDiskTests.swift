import Foundation
import GRDB
import TestSupport
import Testing

/// The simulated disk without a fault is a disk like the real one; with a fault, SQLite says what it says on a real one.
@Suite struct SimulatedDiskTests {
  @Test(arguments: 1...6) func `SQL over several connections answers the same on the simulated and on the real disk`(_ seed: Int) throws {
    for journal in ["WAL", "DELETE"] {
      let script = SQLScript(seed: UInt64(seed), count: 400, journal: journal)
      let real = try TemporaryDirectory()
      let expected = try script.run(in: real.path)
      let disk = try SimulatedDisk(seed: 1)
      let answers = try script.run(in: disk.path)
      let first = zip(answers, expected).enumerated().first { $0.element.0 != $0.element.1 }
      #expect(answers == expected, "seed \(seed), \(journal): answer \(String(describing: first))")
      #expect(expected.contains("[integrity_check:\"ok\"]") && expected.contains("5"), "it checked the file, and someone was busy")
      #expect(disk.statistics.writes > 300 && disk.statistics.syncs > 20 && disk.statistics.failures == 0, "\(disk.statistics)")
    }
  }

  @Test func `Two simulations in two threads do the same as one`() async throws {
    @Sendable func run() throws -> SimulatedDisk.Statistics {
      let disk = try SimulatedDisk(seed: 5)
      _ = try SQLScript(seed: 99, count: 600, journal: "WAL").run(in: disk.path)
      return disk.statistics
    }
    let alone = try run()
    async let one = run()
    async let other = run()
    #expect(try await [one, other] == [alone, alone])
  }

  // MARK: What SQLite says

  private func open(_ disk: SimulatedDisk, synchronous: String = "FULL") throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.journalMode = .wal
    let queue = try DatabaseQueue(path: "\(disk.path)/t.sqlite", configuration: configuration)
    try queue.inDatabase { try $0.execute(sql: "PRAGMA synchronous = \(synchronous)") }
    return queue
  }

  private func table(_ disk: SimulatedDisk) throws -> DatabaseQueue {
    let queue = try open(disk)
    try queue.write { try $0.execute(sql: "CREATE TABLE t(n INTEGER PRIMARY KEY, body)") }
    return queue
  }

  private func code(_ body: () throws -> Void) -> ResultCode? {
    do {
      try body()
      return nil
    } catch {
      return (error as? DatabaseError)?.extendedResultCode
    }
  }

  private func insert(_ n: Int, bytes: Int = 10) -> (GRDB.Database) throws -> Void {
    { try $0.execute(sql: "INSERT INTO t VALUES (?, zeroblob(?))", arguments: [n, bytes]) }
  }

  private func count(_ queue: DatabaseQueue) throws -> Int? { try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } }

  @Test(arguments: [
    (SimulatedDisk.Effect.error, 1, ResultCode.SQLITE_IOERR_WRITE), (.error, 3, .SQLITE_IOERR_FSYNC), (.noSpace, 1, .SQLITE_FULL),
    (.noSpace, 3, .SQLITE_IOERR_FSYNC), (.crash, 2, .SQLITE_IOERR_WRITE),
  ])
  func `A failed call of a commit fails the commit and keeps nothing`(
    _ effect: SimulatedDisk.Effect, _ at: Int, _ expected: ResultCode
  ) throws {
    let disk = try SimulatedDisk(seed: 3)
    let queue = try table(disk)
    // A commit of one page into the log: the frame's head, the page, the sync.
    try queue.write(insert(1))
    disk.plan(effect, at: at)
    #expect(code { try queue.write(insert(2)) } == expected)
    #expect(disk.statistics.failures >= 1)
    #expect(disk.isDead == (effect == .crash))
    if disk.isDead {
      #expect(code { _ = try count(queue) } != nil, "the dead do not read")
      disk.restart(.kill)
      #expect(code { _ = try count(queue) } != nil, "nor do they after the restart")
    }
    #expect(try count(open(disk)) == 1)
  }

  @Test func `A fault that stays lasts until it is healed, and one that does not strikes once`() throws {
    let disk = try SimulatedDisk(seed: 3)
    let queue = try table(disk)
    disk.plan(.noSpace, at: 1, isSticky: true)
    for _ in 0..<3 { #expect(code { try queue.write(insert(1)) } == .SQLITE_FULL) }
    disk.heal()
    try queue.write(insert(1))
    disk.plan(.noSpace, at: 1)
    #expect(code { try queue.write(insert(2)) } == .SQLITE_FULL)
    try queue.write(insert(2))
    #expect(try count(queue) == 2)
  }

  @Test func `Reads and opens fail as they are told to`() throws {
    let disk = try SimulatedDisk(seed: 3)
    try table(disk).close()
    disk.plan(.error, at: 1, of: .reads)
    #expect(code { _ = try count(open(disk)) } == .SQLITE_IOERR_READ)
    disk.plan(.shortRead, at: 2, of: .reads, isSticky: true)
    #expect(code { _ = try count(open(disk)) } != nil)
    disk.heal()
    disk.plan(.error, at: 1, of: .opens)
    #expect(code { _ = try open(disk) } == .SQLITE_CANTOPEN)
    #expect(try count(open(disk)) == 0)
  }

  @Test func `A disk with a limit is full above it, and not when it is raised`() throws {
    let disk = try SimulatedDisk(seed: 3)
    let queue = try table(disk)
    disk.limitSpace(to: 100_000)
    #expect(code { try queue.write(insert(1, bytes: 200_000)) } == .SQLITE_FULL)
    #expect(disk.statistics.sizes.values.reduce(0, +) <= 100_000)
    try queue.write(insert(2, bytes: 1000))
    disk.limitSpace(to: 1_000_000)
    try queue.write(insert(1, bytes: 200_000))
    #expect(try count(queue) == 2)
    #expect(disk.statistics.walBytesMax > 200_000)
  }

  @Test func `After a sync that failed, one that succeeds proves nothing`() throws {
    var lost = 0
    for seed in UInt64(1)...20 {
      let disk = try SimulatedDisk(seed: seed)
      let queue = try table(disk)
      disk.plan(.error, at: 3)
      #expect(code { try queue.write(insert(1)) } == .SQLITE_IOERR_FSYNC)
      disk.restart(.kill)
      // The log is in the cache, whole; SQLite believes in it, and in what it syncs behind it.
      let next = try open(disk)
      if try count(next) == 1 {
        try next.write(insert(2))
        disk.restart(.powerLoss)
        if try count(open(disk)) != 2 { lost += 1 }
      }
    }
    #expect(lost > 0)
  }

  // MARK: States and damage

  @Test func `A snapshot is what there was, for as many continuations as one likes`() throws {
    let disk = try SimulatedDisk(seed: 3)
    let queue = try table(disk)
    try queue.write(insert(1))
    try Data("beside".utf8).write(to: URL(filePath: "\(disk.path)/other"))
    let snapshot = try disk.snapshot()
    try queue.write(insert(2))
    try Data("changed".utf8).write(to: URL(filePath: "\(disk.path)/other"))
    for restart in SimulatedDisk.Restart.allCases {
      try disk.restore(snapshot)
      disk.restart(restart)
      #expect(code { _ = try count(queue) } != nil)
      let next = try open(disk)
      #expect(try count(next) == 1)
      try next.write(insert(7))
      #expect(try count(next) == 2)
      #expect(try String(contentsOfFile: "\(disk.path)/other", encoding: .utf8) == "beside")
    }
  }

  @Test func `Damage is in the file, and a file that is gone is gone`() throws {
    let disk = try SimulatedDisk(seed: 3)
    let queue = try table(disk)
    try queue.write(insert(1))
    try queue.close()
    let before = try #require(disk.contents(of: "t.sqlite"))
    #expect(disk.flip(bit: 3, ofByte: 4099, in: "t.sqlite"))
    var expected = before
    expected[4099] ^= 8
    #expect(disk.contents(of: "t.sqlite") == expected)
    #expect(disk.truncate("t.sqlite", to: 5000))
    #expect(disk.contents(of: "t.sqlite") == Array(expected[..<5000]))
    #expect(!disk.overwrite("t.sqlite", at: 4999, with: [1, 2]) && !disk.truncate("t.sqlite", to: 6000))
    #expect(disk.remove("t.sqlite") && disk.contents(of: "t.sqlite") == nil)
    #expect(!FileManager.default.fileExists(atPath: "\(disk.path)/t.sqlite"))
  }
}
