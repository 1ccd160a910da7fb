import Database
import Foundation
import GRDB
import TestSupport
import Testing

@Suite struct StoreFileTests {
  private let directory: TemporaryDirectory
  private let migrations = [Migration(name: "one", sql: "CREATE TABLE t(n INTEGER PRIMARY KEY, body BLOB)")]

  init() throws { directory = try TemporaryDirectory() }

  private func open(_ durability: Durability = .normal, _ migrations: [Migration]? = nil) throws(StoreError) -> StoreFile {
    try StoreFile(directory: directory.path, durability: durability, migrations: migrations ?? self.migrations)
  }

  private func failure(_ body: () throws(StoreError) -> Void) -> StoreError? {
    do throws(StoreError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  private func bytes(_ n: Int) -> [UInt8] { [UInt8](repeating: 0xaa, count: n) }

  @Test(arguments: [(Durability.full, 2), (Durability.normal, 1)])
  func theFileHasTheDurabilityThatWasAskedFor(_ durability: Durability, _ synchronous: Int) throws {
    let file = try open(durability)
    for _ in 0..<2 {
      #expect(try file.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == synchronous)
      #expect(try file.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
      #expect(try file.read { try Int.fetchOne($0, sql: "PRAGMA journal_size_limit") } == 16_777_216)
      try file.commit { try $0.execute(sql: "INSERT INTO t(body) VALUES (x'00')") }  // and keeps it after a commit
    }
  }

  @Test func whatWasCommittedIsThereWhenTheFileIsOpenedAgain() throws {
    for n in 1...3 {
      let file = try open()
      try file.commit { try $0.execute(sql: "INSERT INTO t(n) VALUES (?)", arguments: [n]) }
      #expect(try file.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == n)
      #expect(file.bytes > 0)
    }
  }

  @Test func aTransactionThatFailsKeepsNothing() throws {
    let file = try open()
    let error = failure { () throws(StoreError) in
      try file.commit { db in
        try db.execute(sql: "INSERT INTO t(n) VALUES (1)")
        try db.execute(sql: "INSERT INTO t(n) VALUES (1)")
      }
    }
    guard case .unknownOutcome = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try file.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 0)
  }

  @Test func aFullDiskIsSaidAndTheSameTransactionSucceedsOnceThereIsSpace() throws {
    let file = try open()
    let blob = Data(bytes(200_000))
    try file.commit { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(pages + 1)")
    }
    let insert = { () throws(StoreError) in
      try file.commit { try $0.execute(sql: "INSERT INTO t(n, body) VALUES (1, ?)", arguments: [blob]) }
    }
    #expect(failure(insert) == .full)
    #expect(failure(insert) == .full)
    #expect(try file.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 0)
    try file.commit { _ = try Int.fetchOne($0, sql: "PRAGMA max_page_count = 1000000") }
    try insert()
    #expect(try file.read { try Int.fetchOne($0, sql: "SELECT length(body) FROM t") } == 200_000)
  }

  @Test func aSecondOpenerIsToldThatTheDirectoryIsInUse() throws {
    let first = try open()
    #expect(failure { () throws(StoreError) in _ = try open() } == .inUse(directory: directory.path))
    try withExtendedLifetime(first) { try first.commit { try $0.execute(sql: "INSERT INTO t(n) VALUES (1)") } }
  }

  @Test func theDirectoryIsFreeAgainWhenItsHolderLetsGo() throws {
    for _ in 0..<3 {
      let file = try open()
      withExtendedLifetime(file) {}
    }
  }

  @Test func theLockOfAKilledProcessIsFree() throws {
    _ = try open()
    let holder = Process()
    holder.executableURL = URL(filePath: "/usr/bin/flock")
    holder.arguments = ["--exclusive", "\(directory.path)/thuong.lock", "/bin/sh", "-c", "echo locked; exec sleep 600"]
    let output = Pipe()
    holder.standardOutput = output
    try holder.run()
    _ = output.fileHandleForReading.availableData  // it holds the lock from here
    #expect(failure { () throws(StoreError) in _ = try open() } == .inUse(directory: directory.path))
    // flock(1) waits for its command: both have the lock's descriptor.
    let child = try String(contentsOfFile: "/proc/\(holder.processIdentifier)/task/\(holder.processIdentifier)/children", encoding: .utf8)
    for pid in child.split(separator: " ").compactMap({ pid_t($0) }) + [holder.processIdentifier] { kill(pid, SIGKILL) }
    holder.waitUntilExit()
    while failure({ () throws(StoreError) in _ = try open() }) != nil { sched_yield() }
  }

  @Test func aStoreOfALaterVersionIsRefused() throws {
    _ = try open(.normal, migrations + [Migration(name: "two", sql: "CREATE TABLE later(n)")])
    guard case .newer = failure({ () throws(StoreError) in _ = try open() }) else {
      Issue.record("opened")
      return
    }
  }

  @Test func anOlderStoreIsBroughtUpToDateOnce() throws {
    _ = try open()
    let two = migrations + [Migration(name: "two", sql: "CREATE TABLE later(n); INSERT INTO later VALUES (1)")]
    for _ in 0..<2 {
      #expect(try open(.normal, two).read { try Int.fetchOne($0, sql: "SELECT count(*) FROM later") } == 1)
    }
  }

  @Test(arguments: [10, 100, 5000]) func aFileThatIsNoDatabaseIsDamagedAndTheLockIsFreeAgain(_ size: Int) throws {
    try Data(bytes(size)).write(to: URL(filePath: "\(directory.path)/\(StoreFile.name)"))
    for _ in 0..<2 {
      guard case .damaged = failure({ () throws(StoreError) in _ = try open() }) else {
        Issue.record("opened")
        return
      }
    }
  }

  @Test func aDirectoryThatCannotBeMadeIsUnusable() throws {
    for path in ["\(directory.path)/a/b/c", "/dev/null/x"] {
      guard
        case .unusable(let why) = failure({ () throws(StoreError) in
          _ = try StoreFile(directory: path, durability: .normal, migrations: migrations)
        })
      else {
        Issue.record("opened \(path)")
        return
      }
      #expect(why.contains(path))
    }
  }

  @Test func theDirectoryAndLockAreForTheirUserAlone() throws {
    let path = "\(directory.path)/var"
    let file = try StoreFile(directory: path, durability: .normal, migrations: migrations)
    try withExtendedLifetime(file) {
      let own = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      let lock = try FileManager.default.attributesOfItem(atPath: "\(path)/thuong.lock")[.posixPermissions] as? Int
      #expect(own.map { $0 & 0o077 } == 0)
      #expect(lock.map { $0 & 0o077 } == 0)
    }
  }
}
