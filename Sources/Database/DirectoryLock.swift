import Glibc

/// The exclusive lock on a data directory (flock on `thuong.lock`): freed by the kernel however the process ends.
///
/// The file also holds the high-water mark: 8 bytes, little endian, the number of the last committed log row. It stands outside the
/// database so that a database that lost its tail is found out.
package struct DirectoryLock: ~Copyable {
  private let descriptor: Int32

  /// Creates the directory where it is missing (mode 0700) and locks it.
  package init(directory: String) throws(StoreError) {
    descriptor = try Self.lock(directory)
  }

  private static func lock(_ directory: String) throws(StoreError) -> Int32 {
    if mkdir(directory, 0o700) != 0 && errno != EEXIST {
      throw .unusable("\(directory): cannot be created (\(String(cString: strerror(errno))))")
    }
    let descriptor = open("\(directory)/thuong.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .unusable("\(directory): cannot be written to (\(String(cString: strerror(errno))))")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .inUse(directory: directory)
    }
    return descriptor
  }

  deinit { close(descriptor) }

  /// 0 where nothing was committed yet.
  package var highWater: Int64 {
    var mark: Int64 = 0
    return pread(descriptor, &mark, 8, 0) == 8 ? Int64(littleEndian: mark) : 0
  }

  /// Called after a commit, and not synced: it may lag behind what is committed, and never leads it. A write that fails lets it lag.
  package func setHighWater(_ number: Int64) {
    var mark = number.littleEndian
    pwrite(descriptor, &mark, 8, 0)
  }
}
