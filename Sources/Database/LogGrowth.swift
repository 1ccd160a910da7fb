import GRDB
import GRDBSQLite

/// When the write-ahead log is to be copied into the file.
///
/// SQLite by itself does it inside the commit that makes the log longer than 1,000 pages, and then inside of every commit for as long as
/// a reader keeps the log from beginning anew.
final class LogGrowth {
  /// Pages that the log may grow by from one copy to the next.
  var uncopiedMax = 1000
  private var pages = 0
  private var copiedAt = 0

  /// Takes the place of SQLite's own checkpoints on this connection, which are made where SQLite tells of a commit.
  init(_ db: Database) {
    let hook: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, CInt) -> CInt = { context, _, _, pages in
      if let context { Unmanaged<LogGrowth>.fromOpaque(context).takeUnretainedValue().committed(pages: Int(pages)) }
      return SQLITE_OK
    }
    // Safe: whoever owns the connection owns this object too, and commits nothing after it is gone.
    sqlite3_wal_hook(db.sqliteConnection, hook, Unmanaged.passUnretained(self).toOpaque())
  }

  private func committed(pages: Int) {
    if pages < self.pages { copiedAt = 0 }  // the log has begun anew
    self.pages = pages
  }

  /// A log beyond its usual size begins anew only right after a copy, at a moment without readers: none of the moments that they leave
  /// (`ReadThreads.giveWay`) is to be missed, so it is copied after each commit.
  var isDue: Bool { pages - copiedAt >= (pages > Self.usualPages ? 1 : uncopiedMax) }
  private static let usualPages = Int(StoreFile.logSizeUsual) / 4096

  func copied() { copiedAt = pages }
}
