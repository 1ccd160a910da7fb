import GRDB
import GRDBSQLite

/// Writes the write-ahead log again as it is read, byte for byte, and syncs it.
///
/// After a sync that failed the kernel counts as written what stands in its cache alone. A process that starts then reads it there and
/// commits behind it; its own syncs succeed, and at a power loss all of that is gone, or the file is behind its log. Written again,
/// what this start has seen is what the disk holds.
enum LogRewrite {
  /// SQLite's own files take less than 128 KiB a call.
  private static let chunk = 64 << 10

  /// - Throws: `DatabaseError` where the disk fails.
  static func run(_ db: Database) throws {
    _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master")  // opens the log where there is one
    var log: UnsafeMutablePointer<sqlite3_file>?
    // Safe: SQLite sets the pointer to its open file, which is valid as long as the connection, and calls with its own methods.
    let code = sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log)
    try check(code)
    guard let log, let methods = log.pointee.pMethods?.pointee, let read = methods.xRead, let write = methods.xWrite,
      let fileSize = methods.xFileSize, let sync = methods.xSync
    else { return }
    var size: sqlite3_int64 = 0
    try check(fileSize(log, &size))
    guard size > 0 else { return }
    // Safe: SQLite reads and writes at most the bytes that were allocated.
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: min(chunk, Int(size)), alignment: 16)
    defer { bytes.deallocate() }
    for start in stride(from: 0, to: Int(size), by: chunk) {
      let count = Int32(min(chunk, Int(size) - start))
      try check(read(log, bytes.baseAddress, count, sqlite3_int64(start)))
      try check(write(log, bytes.baseAddress, count, sqlite3_int64(start)))
    }
    try check(sync(log, SQLITE_SYNC_NORMAL))
  }

  private static func check(_ code: Int32) throws {
    guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "the write-ahead log") }
  }
}
