import Glibc

/// A file that is made beside its name, and gets it when it is whole: whoever finds the name finds all of it.
///
/// The unfinished file is its user's alone (mode 0600) and locked. What a killed process left of one is overwritten by the next of the
/// same name.
final class PartialFile {
  /// Where it is made.
  let path: String
  private let descriptor: Int32
  private var isPlaced = false

  /// - Throws: `.unusable` where it cannot be made, or another process is making it.
  init(path: String) throws(StoreError) {
    descriptor = try Self.open(path)
    self.path = path
  }

  private static func open(_ path: String) throws(StoreError) -> Int32 {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure(path, "cannot be written") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .unusable("\(path): another process is writing it; wait for its end")
    }
    for ending in ["-journal", "-wal", "-shm"] { unlink(path + ending) }
    guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0 else {
      defer { close(descriptor) }
      throw failure(path, "cannot be written")
    }
    return descriptor
  }

  /// Unfinished, it goes.
  deinit {
    if !isPlaced { unlink(path) }
    close(descriptor)
  }

  var size: Int64 { StoreFile.size(path) }

  /// On its disk; nil where the system does not say.
  var bytesFree: Int64? {
    var disk = statvfs()
    return fstatvfs(descriptor, &disk) == 0 ? Int64(disk.f_bavail) * Int64(disk.f_frsize) : nil
  }

  /// Writes what the kernel holds of it to the disk.
  func sync() throws(StoreError) {
    guard fdatasync(descriptor) == 0 else { throw Self.failure(path, "cannot be written") }
  }

  func write(_ bytes: [UInt8], at offset: off_t) throws(StoreError) {
    guard pwrite(descriptor, bytes, bytes.count, offset) == bytes.count else { throw Self.failure(path, "cannot be written") }
  }

  /// Gives it that name in its directory, also over a power loss.
  ///
  /// - Parameter replacing: a file of that name makes room; without it that is an error.
  func place(at final: String, replacing: Bool = false) throws(StoreError) {
    guard fsync(descriptor) == 0 else { throw Self.failure(path, "cannot be written") }
    // Whoever else makes a file of that name in this way holds the lock on the unfinished one first.
    if !replacing, StoreFile.isThere(final) { throw Self.exists(final) }
    guard rename(path, final) == 0 else { throw Self.failure(final, "cannot be named so") }
    isPlaced = true
    try Self.syncDirectory(of: final)
  }

  static func exists(_ path: String) -> StoreError { .unusable("\(path): there is a file already, which stays; name another") }

  static func syncDirectory(of path: String) throws(StoreError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let directory = parts.isEmpty ? "." : parts == [""] ? "/" : parts.joined(separator: "/")
    let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(directory, "cannot be read") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(directory, "cannot be written") }
  }

  /// What the system said of the last call.
  static func failure(_ path: String, _ what: String) -> StoreError {
    if errno == ENOSPC || errno == EDQUOT { return .unusable("\(path): no space left on its disk; free some, or name another place") }
    return .unusable("\(path): \(what) (\(String(cString: strerror(errno))))")
  }
}
