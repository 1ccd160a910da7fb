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
      let replaced = Replaced(present, rowsCommitted: lock.highWater, backup: try GivenSequences(db))
      sequences = try SequenceLeap.raise(
        beyond: replaced.isContinuation ? replaced.sequences : nil, known: replaced.sequences, now: now, in: db)
      try RestoreTable.add(
        at: replaced.next(now), backupClock: found.clock,
        detail: "the store was restored from a backup that ends with log row \(found.lastRow); thuong-sequence goes on: \(sequences)", db)
      extent = found
    }
    guard let extent else { preconditionFailure("what was written was checked") }
    let bytes = copy.bytes
    let replaced = try RestoredFile.place(
      copy, directory, lock, lastRow: extent.lastRow, time: RestoredFile.freeTime(now, directory))
    return StoreRestore(bytes: bytes, extent: extent, sequences: sequences, replaced: replaced)
  }

  /// What the store that is replaced knows of what it gave. It may be what the restore is for: damaged, cut off, or of another gateway.
  private struct Replaced {
    var sequences: GivenSequences?
    /// It has all that it ever committed, and went on from the backup.
    var isContinuation = false
    private var restoredAt: Timestamp?

    /// - Parameter rows: how many rows of it were committed. Where it has fewer, sequences that it gave are lost with them.
    init(_ present: String, rowsCommitted rows: Int64, backup: GivenSequences) {
      var configuration = Configuration()
      configuration.readonly = true
      guard StoreFile.isThere(present), let queue = try? DatabaseQueue(path: present, configuration: configuration) else { return }
      restoredAt = try? queue.read { db in try RestoreTable.last(db) }
      guard let known = try? queue.read({ db in try GivenSequences(db) }) else { return }
      sequences = known
      isContinuation =
        (try? queue.read { db in
          try Int64.fetchOne(db, sql: "SELECT log_number FROM gateway") ?? 0 >= rows && backup.isContinued(by: known, in: db)
        }) ?? false
    }

    /// The time of a restore after it. The numbers of alerts begin there: it is a day later than the last at least, also where the wall
    /// clock was ahead then.
    func next(_ now: Timestamp) -> Timestamp { restoredAt.map { max(now, $0 + 86_400_000) } ?? now }
  }
}
