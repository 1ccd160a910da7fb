import Database
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@Suite struct StoreReaderTests {
  private let directory: TemporaryDirectory
  private let migrations = [Migration(name: "one", sql: "CREATE TABLE t(n INTEGER PRIMARY KEY)")]
  /// Never ends by itself.
  private static let endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c WHERE n < 0"

  init() throws { directory = try TemporaryDirectory() }

  private func open() throws -> StoreFile { try StoreFile(directory: directory.path, durability: .normal, migrations: migrations) }

  @Test func aReaderSeesWhatWasCommittedBesideTheWriter() async throws {
    let file = try open()
    let reader = try StoreReader(directory: directory.path)
    for n in 1...3 {
      try file.commit { try $0.execute(sql: "INSERT INTO t(n) VALUES (?)", arguments: [n]) }
      #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == n)
      #expect(try await reader.readAsync { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == n)
    }
  }

  @Test func aReaderCannotWrite() throws {
    let file = try open()
    let reader = try StoreReader(directory: directory.path)
    _ = withExtendedLifetime(file) {
      #expect(throws: DatabaseError.self) { try reader.read { try $0.execute(sql: "INSERT INTO t(n) VALUES (1)") } }
    }
  }

  @Test func aDirectoryWithoutAStoreIsUnusable() {
    #expect(throws: StoreError.self) { _ = try StoreReader(directory: directory.path) }
  }

  private static var niceness: Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

  @Test(arguments: [ReadPriority.niced, .background])
  func `Reads run on two threads of their own, which give way`(_ priority: ReadPriority) async throws {
    let file = try open()
    let usual = Self.niceness
    let reader = try StoreReader(directory: directory.path, priority: priority)
    let places = Noted<(thread: UInt, isInBackground: Bool, niceness: Int32)>()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await reader.readAsync { _ in places.add((UInt(pthread_self()), BackgroundWork.isRunning, Self.niceness)) }
        }
      }
      try await group.waitForAll()
    }
    withExtendedLifetime(file) {}
    let found = places.all
    #expect(found.count == 50)
    #expect(found.allSatisfy { $0.isInBackground == (priority == .background) })
    if priority == .niced { #expect(found.allSatisfy { $0.niceness == max(10, usual) }) }
    #expect(Set(found.map(\.thread)).count <= 2)
    #expect(!BackgroundWork.isRunning && Self.niceness == usual, "nobody else does")
  }

  @Test func `A read beyond those that may wait is refused, and the others are done`() throws {
    let file = try open()
    var limits = ReadLimits()
    limits.waitingMax = 3
    let reader = try StoreReader(directory: directory.path, limits: limits)
    let (began, goOn, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let outcomes = Noted<StoreError?>()
    func start(_ body: @Sendable @escaping (Database) -> Void) {
      Thread.detachNewThread {
        do {
          try reader.read { body($0) }
          outcomes.add(nil)
        } catch {
          outcomes.add(error as? StoreError)
          for _ in 0..<2 { goOn.signal() }  // one is refused while both threads are held; then they may go on
        }
        ended.signal()
      }
    }
    for _ in 0..<2 {
      start { _ in
        began.signal()
        goOn.wait()
      }
    }
    for _ in 0..<2 { began.wait() }
    for _ in 0..<4 { start { _ in } }
    for _ in 0..<6 { ended.wait() }
    withExtendedLifetime(file) {}
    #expect(outcomes.all.compactMap { $0 } == [.tooManyReads])
    #expect(outcomes.all.count == 6)
  }

  @Test func `F23 a read that takes too long is cut off, and the next one is not`() throws {
    let file = try open()
    var limits = ReadLimits()
    limits.lengthMax = 100
    let reader = try StoreReader(directory: directory.path, limits: limits)
    let endless = Self.endless
    for _ in 0..<4 {
      #expect(throws: StoreError.readTooLong(100)) { try reader.read { try Int.fetchOne($0, sql: endless) } }
      for _ in 0..<20 { #expect(try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM t") } == 0) }
    }
    #expect(throws: StoreError.readTooLong(100), "and so is one of many statements, none of them long") {
      try reader.read { db in
        while true {
          _ = try Int.fetchOne(db, sql: "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 9999) SELECT sum(n) FROM c")
        }
      }
    }
    try withExtendedLifetime(file) { try file.commit { try $0.execute(sql: "INSERT INTO t(n) VALUES (1)") } }
    #expect(file.emptyLog(), "what was cut off holds nothing")
  }
}

/// What several threads found, in any order.
private final class Noted<T: Sendable>: Sendable {
  private let list = Mutex<[T]>([])
  var all: [T] { list.withLock { $0 } }
  func add(_ new: T) { list.withLock { $0.append(new) } }
}
