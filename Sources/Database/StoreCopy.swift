package import GRDB

/// A copy of a store's file as it is at one moment, made page by page while others read and write it.
///
/// SQLite's online backup begins again whenever another connection commits, which beside a gateway it would do for ever. So one read
/// transaction holds the moment, and the steps between which progress is told are inside of it. `VACUUM INTO` would hold it for longer,
/// as it builds every table anew, and tells no progress.
///
/// While the transaction lasts the write-ahead log beside the file cannot begin anew. A gateway that commits more than
/// `data: {log_max: …}` in that time names the copying process in `/readyz`, and pauses its intake until the copy is made. What was written
/// is synced every few megabytes: a commit never waits behind a heap of it. On two cores, beside 1,200 messages a second, 2 GB took 9 s with
/// all checks, the log grew to 20 MB, and commits took 2 ms in the mean in place of 1; 20 GB take ten times that.
package final class StoreCopy {
  private static let pagesPerStep: CInt = 1024
  /// Bytes 18 and 19 of the file say how it is written: here with a rollback journal, so that it is one file wherever it is opened.
  private static let rollbackJournal: [UInt8] = [1, 1]

  private let file: PartialFile
  private let source: String

  package var bytes: Int64 { file.size }

  /// - Parameters:
  ///   - path: where it is made; it has no other name until it is placed, and is gone where it never is.
  ///   - progress: called now and then with the part that is copied, 0 to 1.
  /// - Throws: `StoreError` where the source cannot be read, or there is no room.
  package init(of source: String, at path: String, progress: (Double) -> Void = { _ in }) throws(StoreError) {
    self.source = source
    guard StoreFile.size(source) > 0 else { throw .unusable("\(source): there is no such store") }
    file = try PartialFile(path: path)
    let needed = StoreFile.size(source)
    let isFull = StoreError.unusable("\(path): no space left for the copy of \(needed >> 20) MB; free some, or name another place")
    // A copy that fills the disk of a gateway stops it: better to know before.
    if let free = file.bytesFree, free < needed { throw isFull }
    do {
      try Self.copyPages(of: source, to: file, progress)
    } catch let error as StoreError {
      throw error
    } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
      throw isFull
    } catch {
      throw StoreFile.openingError(error, source)
    }
    try file.write(Self.rollbackJournal, at: 18)
  }

  private static func copyPages(of source: String, to file: PartialFile, _ progress: (Double) -> Void) throws {
    var reading = Configuration()
    reading.readonly = true
    reading.busyMode = .timeout(5)
    let from = try DatabaseQueue(path: source, configuration: reading)
    let to = try DatabaseQueue(path: file.path, configuration: writing)
    try withoutActuallyEscaping(progress) { progress in
      try from.read { source in
        // The transaction begins here: a step that finds none would begin one of its own, and end it.
        _ = try Int.fetchOne(source, sql: "SELECT count(*) FROM sqlite_schema")
        try to.inDatabase { target in
          try source.backup(to: target, pagesPerStep: pagesPerStep) { done in
            if !done.isCompleted { try file.sync() }
            progress(done.totalPageCount == 0 ? 1 : Double(done.completedPageCount) / Double(done.totalPageCount))
          }
        }
      }
    }
    try to.close()
  }

  /// A copy that is not finished is worth nothing: no journal, and the syncs are ours.
  private static var writing: Configuration {
    var configuration = Configuration()
    configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF") }
    return configuration
  }

  /// Runs `body` on the copy, which nobody else has, as a store of its format.
  ///
  /// - Throws: what `body` throws; `.damaged` where SQLite finds damage.
  package func read<T>(_ body: (Database) throws -> T) throws -> T { try open(readonly: true, body) }

  /// As `read`, in one transaction that may write, after the schema was brought up to date.
  package func write(_ migrations: [Migration], _ body: (Database) throws -> Void) throws {
    try open(readonly: false) { db in
      try StoreFormat.migrate(db, migrations)
      try db.inTransaction {
        try body(db)
        return .commit
      }
    }
  }

  /// What format it is of.
  ///
  /// - Throws: as `StoreFormat.state`; `.damaged` where it is no database.
  package func state(among migrations: [Migration]) throws -> StoreFormat.State {
    try read { db in try StoreFormat(db).state(among: migrations, path: source) }
  }

  /// Every page is where it belongs, every index has what its table has.
  ///
  /// - Throws: `.damaged`.
  package func check() throws {
    let found = try read { db in try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") ?? "no answer" }
    if found != "ok" { throw StoreError.damaged("\(source): \(found.split(separator: "\n").joined(separator: ", "))") }
  }

  private func open<T>(readonly: Bool, _ body: (Database) throws -> T) throws -> T {
    var configuration = Self.writing
    if readonly {
      configuration = Configuration()
      configuration.readonly = true
    }
    do {
      let queue = try DatabaseQueue(path: file.path, configuration: configuration)
      let result = try queue.inDatabase(body)
      try queue.close()
      return result
    } catch let error as DatabaseError {
      throw StoreFile.openingError(error, source)
    }
  }

  package static func exists(_ path: String) -> StoreError { PartialFile.exists(path) }

  /// The copy is whole: it gets that name.
  ///
  /// - Throws: `.unusable` where there is a file of that name, unless it is to make room.
  package func place(at path: String, replacing: Bool = false) throws(StoreError) {
    try file.place(at: path, replacing: replacing)
  }
}
