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
/// One connection writes and checkpoints; readers open their own (`StoreReader`) after it.
package final class StoreFile {
  package static let name = "thuong.sqlite"
  package let directory: String
  private let lock: DirectoryLock
  private let queue: DatabaseQueue

  /// Locks the directory, opens or creates the file, brings its schema up to date.
  package init(directory: String, durability: Durability, migrations: [Migration]) throws(StoreError) {
    self.directory = directory
    lock = try DirectoryLock(directory: directory)
    let path = "\(directory)/\(Self.name)"
    if Self.size(path) == 0, Self.size("\(path)-wal") > 0 { throw .damaged("\(path) is empty or missing beside its write-ahead log") }
    do {
      queue = try DatabaseQueue(path: "\(directory)/\(Self.name)", configuration: Self.configuration())
      try Self.harden(queue, durability)
      try Self.migrate(queue, migrations)
    } catch let error as StoreError {
      throw error
    } catch {
      throw Self.openingError(error, directory)
    }
  }

  private static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(5)
    configuration.label = "writer"
    return configuration
  }

  /// GRDB sets `synchronous = NORMAL` when it opens a WAL file, so ours is set after that, and read back.
  private static func harden(_ queue: DatabaseQueue, _ durability: Durability) throws {
    try queue.inDatabase { db in
      try db.execute(sql: "PRAGMA synchronous = \(durability == .full ? "FULL" : "NORMAL")")
      try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
      let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
      let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode")
      guard synchronous == (durability == .full ? 2 : 1), journal == "wal" else {
        throw StoreError.unusable(
          "\(queue.path): SQLite refused durability \(durability.rawValue) (synchronous \(synchronous ?? -1), journal \(journal ?? "none"))"
        )
      }
    }
  }

  private static func migrate(_ queue: DatabaseQueue, _ migrations: [Migration]) throws {
    var migrator = DatabaseMigrator()
    for migration in migrations {
      migrator.registerMigration(migration.name) { db in try db.execute(sql: migration.sql) }
    }
    let unknown = try queue.read { db in try migrator.hasBeenSuperseded(db) }
    if unknown { throw StoreError.newer(queue.path) }
    try migrator.migrate(queue)
  }

  private static func openingError(_ error: any Error, _ directory: String) -> StoreError {
    let path = "\(directory)/\(name)"
    guard let error = error as? DatabaseError else { return .unusable("\(path): \(error)") }
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged("\(path): \(error.message ?? "not a database")")
    case .SQLITE_FULL: return .full
    default: return .unusable("\(path): \(error.message ?? error.description)")
    }
  }

  /// Runs `body` in one transaction, durable when it returns.
  ///
  /// - Throws: `.full` where nothing was kept and a later try may succeed; `.unknownOutcome` where the process must end.
  package func commit(_ body: (Database) throws -> Void) throws(StoreError) {
    do {
      try queue.write { db in try body(db) }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
      throw .full
    } catch {
      throw .unknownOutcome("\(error)")
    }
  }

  /// A read on the writer's own connection, for start-up.
  package func read<T>(_ body: (Database) throws -> T) throws -> T { try queue.inDatabase { db in try body(db) } }

  /// The number of the last log row that was committed, as noted outside the database; see `DirectoryLock`.
  package var highWater: Int64 { lock.highWater }
  package func setHighWater(_ number: Int64) { lock.setHighWater(number) }

  /// At a clean end: everything stands in the file itself, and the log beside it is empty. What a reader holds back stays in the log.
  package func checkpoint() { _ = try? queue.inDatabase { db in try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") } }

  /// Bytes on disk: the file and its write-ahead log.
  package var bytes: Int64 { Self.size("\(directory)/\(Self.name)") + Self.size("\(directory)/\(Self.name)-wal") }

  private static func size(_ path: String) -> Int64 {
    var info = stat()
    return stat(path, &info) == 0 ? Int64(info.st_size) : 0
  }
}

/// A read-only look at the store beside a running writer. A read copies out what it needs and returns.
package struct StoreReader: Sendable {
  private let pool: DatabasePool

  /// - Throws: `.unusable` where there is no store in the directory.
  package init(directory: String) throws(StoreError) {
    let path = "\(directory)/\(StoreFile.name)"
    guard access(path, R_OK) == 0 else { throw .unusable("\(directory): no store here; name the gateway's directory with --data") }
    var configuration = Configuration()
    configuration.readonly = true
    configuration.maximumReaderCount = 2
    configuration.busyMode = .timeout(5)
    do {
      pool = try DatabasePool(path: path, configuration: configuration)
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw .damaged("\(path): \(error.message ?? "not readable")")
    } catch {
      throw .unusable("\(path): cannot be read")
    }
  }

  /// - Throws: `.damaged` where SQLite finds the file damaged, and what `body` throws.
  package func read<T: Sendable>(_ body: @Sendable (Database) throws -> T) throws -> T {
    do {
      return try pool.read { db in try body(db) }
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw StoreError.damaged("\(pool.path): \(error.message ?? "not readable")")
    }
  }

  package func readAsync<T: Sendable>(_ body: @Sendable @escaping (Database) throws -> T) async throws -> T {
    try await pool.read { db in try body(db) }
  }
}
