import Glibc

/// The exclusive lock on a data directory (flock on `thuong.lock`): freed by the kernel however the process ends.
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
}
