import Database
import GRDB
import Outbox
package import Readings

/// A backup that becomes the store of a directory that no gateway serves.
///
/// What came after the backup is gone, which the next gateway tells every sink as a gap of cause `restored`; sequences go on beyond all
/// that were given (`SequenceLeap`). The store that was there stays, under another name. A process that is killed in the middle leaves the
/// one store or the other (`RestoredFile`).
package struct StoreRestore: Sendable {
  package var bytes: Int64
  package var extent: StoredExtent
  /// In words.
  package var sequences: String
  /// The name, in the directory, of the store that was there.
  package var replaced: String?

  /// - Parameters:
  ///   - backup: the file. It stays as it is, also where it is of an older format.
  ///   - replaces: a store that is there makes room.
  ///   - now: the wall clock.
  ///   - copied: called now and then with the part that is copied, 0 to 1.
  ///   - checked: the same of what is checked then.
  /// - Throws: `StoreError`; `.damaged` speaks of the backup.
  package static func run(
    from backup: String, into directory: String, replaces: Bool, now: Timestamp, copied: (Double) -> Void,
    checked: (Double) -> Void
  ) throws -> StoreRestore {
    let lock = try DirectoryLock(directory: directory)
    try RestoredFile.finish(directory, lock)
    let present = "\(directory)/\(StoreFile.name)"
    if !replaces, StoreFile.isThere(present) || StoreFile.isThere(StoreFile.logPath(directory)) {
      throw StoreError.unusable(
        "\(directory): there is a store already; --replace moves it aside, or name another --data directory")
    }
    let copy = try StoreCopy(of: backup, at: "\(directory)/\(RestoredFile.partialName)", progress: copied)
    checked(0)
    if try copy.state(among: GatewaySchema.migrations) == .new { throw StoreError.unusable("\(backup): an empty database, no backup") }
    try copy.check()
    var extent: StoredExtent?
    var sequences = ""
    try copy.write(GatewaySchema.migrations) { db in
      let found = try StoredExtent(checking: db, progress: checked)
      let known = KnownRestores(of: present)
      sequences = try raiseSequences(db, replacing: present, rowsCommitted: lock.highWater, now: now)
      try RestoreTable.add(
        at: known.instant(after: now), backupClock: found.clock,
        detail: "the store was restored from a backup that ends with log row \(found.lastRow); thuong-sequence goes on: \(sequences)", db)
      extent = found
    }
    guard let extent else { preconditionFailure("what was written was checked") }
    let bytes = copy.bytes
    let replaced = try RestoredFile.place(
      copy, directory, lock, lastRow: extent.lastRow, time: RestoredFile.freeTime(now, directory))
    return StoreRestore(bytes: bytes, extent: extent, sequences: sequences, replaced: replaced)
  }

  /// When the store that is replaced was restored itself. The numbers of alerts begin at the time of a restore: this one's is a day later at
  /// least, also where the wall clock was ahead then.
  private struct KnownRestores {
    private var last: Timestamp?

    init(of present: String) {
      var configuration = Configuration()
      configuration.readonly = true
      guard StoreFile.isThere(present), let queue = try? DatabaseQueue(path: present, configuration: configuration) else { return }
      last = try? queue.read { db in try RestoreTable.last(db) }
    }

    func instant(after now: Timestamp) -> Timestamp { last.map { max(now, $0 + 86_400_000) } ?? now }
  }

  /// The store that is replaced may be what the restore is for: damaged, cut off, or of another gateway.
  ///
  /// - Parameter rows: how many rows of it were committed. Where it has fewer, sequences that it gave are lost with them.
  private static func raiseSequences(_ db: GRDB.Database, replacing present: String, rowsCommitted rows: Int64, now: Timestamp) throws
    -> String
  {
    let own = try GivenSequences(db)
    var configuration = Configuration()
    configuration.readonly = true
    var (known, isContinuation) = (GivenSequences?.none, false)
    if StoreFile.isThere(present), let queue = try? DatabaseQueue(path: present, configuration: configuration) {
      known = try? queue.read { db in try GivenSequences(db) }
      if let known {
        isContinuation =
          (try? queue.read { db in
            try Int64.fetchOne(db, sql: "SELECT log_number FROM gateway") ?? 0 >= rows && own.isContinued(by: known, in: db)
          }) ?? false
      }
    }
    return try SequenceLeap.raise(beyond: isContinuation ? known : nil, known: known, now: now, in: db)
  }
}
