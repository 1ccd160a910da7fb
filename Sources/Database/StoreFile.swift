package import GRDB
import Glibc

/// One step of the schema, of the module that owns its tables. Names are never used again; a landed step is never changed.
package struct Migration: Sendable {
  package var name: String
  package var sql: String
  package init(name: String, sql: String) { (self.name, self.sql) = (name, sql) }
}

/// How much a commit survives: `full` also a power loss, `normal` a crash of the process.
package enum Durability: String, Sendable { case full, normal }

/// The one SQLite file, `thuong.sqlite`, as its only writer holds it.
///
/// One connection writes and copies the write-ahead log into the file (SQLite's checkpoint); readers open their own (`StoreReader`)
/// after it. A store of an older format is copied before it is brought up to date.
package final class StoreFile {
  package static let name = "thuong.sqlite"
  /// The write-ahead log is cut to this whenever it begins anew: while the file is longer, some reader has kept it from doing so.
  static let logSizeUsual: Int64 = 16 << 20
  private static let busyMilliseconds = 5000
  package let directory: String
  private let path: String
  private let logPath: String
  private let lock: DirectoryLock
  private let queue: DatabaseQueue
  private let logGrowth: LogGrowth
  /// Nothing is kept in it until `DiskReserve.take()`.
  package let reserve: DiskReserve
  /// Where the store as it was stands, if this start has brought it up to date.
  package let copyOfOlder: String?

  /// Locks the directory, opens or creates the file, brings its schema up to date. What a killed restore left to be done is done first.
  package init(directory: String, durability: Durability, migrations: [Migration]) throws(StoreError) {
    let path = "\(directory)/\(Self.name)"
    (self.directory, self.path, logPath) = (directory, path, Self.logPath(directory))
    lock = try DirectoryLock(directory: directory)
    reserve = DiskReserve(directory: directory)
    try RestoredFile.finish(directory, lock)
    if Self.size(path) == 0, Self.size(logPath) > 0 { throw .damaged("\(path) is empty or missing beside its write-ahead log") }
    do {
      queue = try DatabaseQueue(path: path, configuration: Self.configuration(path, migrations))
      logGrowth = queue.inDatabase { LogGrowth($0) }
      try Self.harden(queue, durability)
      try queue.inDatabase(LogRewrite.run)
      if lock.highWater > 0, try queue.read({ db in try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") }) == 0 {
        throw StoreError.damaged("\(path) is empty, and \(lock.highWater) log rows were committed")
      }
      copyOfOlder = try Self.migrate(queue, migrations)
    } catch let error as StoreError {
      throw error
    } catch {
      throw Self.openingError(error, path)
    }
  }

  private static func configuration(_ path: String, _ migrations: [Migration]) -> Configuration {
    var configuration = Configuration()
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(Double(busyMilliseconds) / 1000)
    configuration.label = "writer"
    configuration.prepareDatabase { db in
      // Before anything is written: a file that is not ours stays as it is.
      _ = try StoreFormat(db).state(among: migrations, path: path)
      // Before the first page is written; of an older file it changes nothing.
      try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
    }
    return configuration
  }

  /// GRDB sets `synchronous = NORMAL` when it opens a WAL file, so ours is set after that, and read back.
  private static func harden(_ queue: DatabaseQueue, _ durability: Durability) throws {
    try queue.inDatabase { db in
      try db.execute(sql: "PRAGMA synchronous = \(durability == .full ? "FULL" : "NORMAL")")
      try db.execute(sql: "PRAGMA journal_size_limit = \(logSizeUsual)")
      // Debian's SQLite overwrites what it deletes: each row that is cut from the log would be written once more.
      try db.execute(sql: "PRAGMA secure_delete = OFF")
      let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
      let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode")
      guard synchronous == (durability == .full ? 2 : 1), journal == "wal" else {
        throw StoreError.unusable(
          "\(queue.path): SQLite refused durability \(durability.rawValue) (synchronous \(synchronous ?? -1), journal \(journal ?? "none")); check the disk and who may write there, then start again"
        )
      }
    }
  }

  /// - Returns: where the copy stands that was made before, if there was anything to change.
  private static func migrate(_ queue: DatabaseQueue, _ migrations: [Migration]) throws -> String? {
    var copy: String?
    if case .older(let format) = try queue.read({ db in try StoreFormat(db).state(among: migrations, path: queue.path) }) {
      copy = try OlderStore.keep(queue.path, format: format, before: migrations.count)
    }
    try queue.inDatabase { db in try StoreFormat.migrate(db, migrations) }
    if let copy { OlderStore.removeOthers(than: copy, of: queue.path) }
    return copy
  }

  static func openingError(_ error: any Error, _ path: String) -> StoreError {
    guard let error = error as? DatabaseError else { return .unusable("\(path): \(error)") }
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged("\(path): \(error.message ?? "not a database")")
    case .SQLITE_FULL: return .full
    default: return .unusable("\(path): \(error.message ?? error.description); check the disk and who may write there, then start again")
    }
  }

  /// Runs `body` in one transaction, durable when it returns.
  ///
  /// - Throws: `.full` where nothing was kept and a later try may succeed; `.damaged` and `.unknownOutcome` where the process must end.
  package func commit(_ body: (Database) throws -> Void) throws(StoreError) {
    do {
      try queue.write { db in try body(db) }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
      throw .full
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw .damaged("\(queue.path): \(error.message ?? "not readable")")
    } catch {
      throw .unknownOutcome("\(error)")
    }
  }

  /// A read on the writer's own connection, for start-up and between batches.
  ///
  /// - Throws: `StoreError.damaged` where SQLite finds the file damaged, and what `body` throws.
  package func read<T>(_ body: (Database) throws -> T) throws -> T {
    do { return try queue.inDatabase { db in try body(db) } } catch let error as DatabaseError
      where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
    {
      throw StoreError.damaged("\(queue.path): \(error.message ?? "not readable")")
    }
  }

  /// The number of the last log row that was committed, as noted outside the database; see `DirectoryLock`.
  package var highWater: Int64 { lock.highWater }
  package func setHighWater(_ number: Int64) { lock.setHighWater(number) }

  /// What the last starts crashed of.
  package var notes: CrashNotes { lock.notes }
  /// From here on a crash of the process is noted, with the log row or the message in hand, until `clearNotes`.
  package func armNotes() { lock.armNotes() }
  package func clearNotes() { lock.clearNotes() }
  /// 0: none.
  package func takeInHand(row number: Int64) { CrashNote.inHand(row: number) }
  /// 0: none.
  package func takeInHand(message hash: UInt64) { CrashNote.inHand(message: hash) }
  /// To be called by a thread on which messages are taken.
  package static func catchOverflow() { CrashNote.catchOverflow() }

  /// Copies the write-ahead log into the file, where it has grown by enough since that was last done. To be called between batches, when
  /// what the last one committed is acknowledged: no commit waits for it. An error of the disk is one of a later commit, which writes to
  /// the same disk; until then everything stands in the log.
  ///
  /// - Returns: whether it was due.
  @discardableResult package func copyLogIfDue() -> Bool {
    guard logGrowth.isDue else { return false }
    try? queue.inDatabase { db in _ = try db.checkpoint(.passive) }
    logGrowth.copied()
    return true
  }

  /// After so many pages the log is copied. Tests choose others.
  package var logPagesUncopiedMax: Int {
    get { logGrowth.uncopiedMax }
    set { logGrowth.uncopiedMax = newValue }
  }

  /// At a clean end: everything stands in the file itself, and the log beside it is empty. What a reader holds back stays in the log.
  package func checkpoint() { _ = try? queue.inDatabase { db in try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") } }

  /// Gives so many pages, at most, that nothing stands in back to the disk. What is free while the process runs is used again.
  ///
  /// - Throws: as `commit`.
  package func shrink(pages: Int) throws(StoreError) {
    do {
      try queue.inDatabase { db in try db.execute(sql: "PRAGMA incremental_vacuum(\(pages))") }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
      throw .full
    } catch {
      throw .unknownOutcome("\(error)")
    }
  }

  /// Bytes on disk: the file and its write-ahead log.
  package var bytes: Int64 { Self.size(path) + logBytes }

  /// Bytes of the file's pages that something stands in: those that are free are used before the file grows.
  package static func bytesUsed(_ db: Database) throws -> Int64 {
    let (all, free) = (try Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0, try Int64.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0)
    return (all - free) * (try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
  }

  // MARK: The write-ahead log and its readers

  /// Bytes of the write-ahead log, as its file stands on disk.
  package var logBytes: Int64 { Self.size(logPath) }

  /// Copies the write-ahead log into the file and empties it, where no reader is in the way; it waits for none. False where one is: what
  /// that reader does not need is copied all the same.
  package func emptyLog() -> Bool {
    let isBusy = try? queue.inDatabase { db in
      try db.execute(sql: "PRAGMA busy_timeout = 0")
      defer { try? db.execute(sql: "PRAGMA busy_timeout = \(Self.busyMilliseconds)") }
      return try Int.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") != 0
    }
    return isBusy == false
  }

  /// Who else has a read transaction open, the oldest first: the first is the one that keeps the log from being emptied.
  package var logHolders: [LogHolder] { LogHolder.find(sharedMemory: "\(path)-shm") }

  package static func logPath(_ directory: String) -> String { "\(directory)/\(name)-wal" }

  package static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// 0 where there is no such file.
  package static func size(_ path: String) -> Int64 {
    var info = stat()
    return stat(path, &info) == 0 ? Int64(info.st_size) : 0
  }
}
