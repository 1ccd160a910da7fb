/// Why the store cannot be used, in one line for its user.
package enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Another `serve` holds the directory.
  case inUse(directory: String)
  /// What is stored cannot be what was written.
  case damaged(String)
  /// The same of one row, which can be set aside.
  case damagedRow(DamagedRow)
  /// The directory or file cannot be opened at all.
  case unusable(String)
  /// The store was written by a later version.
  case newer(String)
  /// No space left; nothing of the transaction was kept.
  case full
  /// A commit whose outcome nobody knows: the process must end and recover.
  case unknownOutcome(String)
  /// So many reads wait already that this one is refused.
  case tooManyReads
  /// A read that took longer than this many milliseconds, and was cut off.
  case readTooLong(Int64)

  package var description: String {
    switch self {
    case .inUse(let directory): "\(directory): in use by another thuong serve; stop that one first, or name another --data directory"
    case .damaged(let what): Self.damage(what)
    case .damagedRow(let row): Self.damage(row.what)
    case .unusable(let what): what
    case .newer(let what): "the store was written by a later version of thuong (\(what)); use that version"
    case .full: "no space left on the store's disk; free some, then start again"
    case .unknownOutcome(let what):
      "the store failed in a way that leaves the last commit unknown: \(what); check the disk, then start again: what was committed is recovered"
    case .tooManyReads: "too many reads of the store wait already; try again in a moment"
    case .readTooLong(let milliseconds): "a read of the store took longer than \(milliseconds) ms and was cut off; ask for less at a time"
    }
  }

  private static func damage(_ what: String) -> String {
    "the store is damaged: \(what); keep its directory for repair, and restore a backup or start in an empty one"
  }
}
