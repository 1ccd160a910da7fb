import Database
import GRDB
import Readings

/// A restore of which the sinks were not told yet.
struct UntoldRestore: Equatable, Sendable {
  var id: Int64
  /// The clock of the backup's newest input; nil where it had none.
  var backupClock: Timestamp?
  var detail: String
}

/// The statements of the table `restore`: written by the restore, told as a gap by the first gateway that serves the store.
enum RestoreTable {
  /// In place of those that nobody was told of: this one's gap begins no later.
  static func add(at real: Timestamp, backupClock: Timestamp?, detail: String, _ db: GRDB.Database) throws {
    try db.execute(sql: "DELETE FROM restore WHERE told_at IS NULL")
    try db.execute(
      sql: "INSERT INTO restore(at, backup_clock, detail) VALUES (?, ?, ?)",
      arguments: [real.milliseconds, backupClock?.milliseconds, detail])
  }

  /// When the store was last restored, by the wall clock or by the backup's, whichever was ahead; nil where it never was.
  static func last(_ db: GRDB.Database) throws -> Timestamp? {
    try Int64.fetchOne(db, sql: "SELECT max(max(at, coalesce(backup_clock, 0))) FROM restore").map(Timestamp.init(milliseconds:))
  }

  static func untold(_ db: GRDB.Database) throws -> [UntoldRestore] {
    try Row.fetchAll(db, sql: "SELECT id, backup_clock, detail FROM restore WHERE told_at IS NULL ORDER BY id").map { row in
      let clock: Int64? = try row.soundIfPresent("backup_clock")
      return UntoldRestore(
        id: try row.sound("id"), backupClock: clock.map(Timestamp.init(milliseconds:)), detail: try row.sound("detail"))
    }
  }

  /// In the transaction that has the gap.
  static func told(_ id: Int64, at: Timestamp, _ db: GRDB.Database) throws {
    try db.execute(sql: "UPDATE restore SET told_at = ? WHERE id = ?", arguments: [at.milliseconds, id])
  }
}
