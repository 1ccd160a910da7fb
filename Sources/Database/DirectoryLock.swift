import Glibc

/// The exclusive lock on a data directory (flock on `thuong.lock`): freed by the kernel however the process ends.
///
/// The file also holds what has to stand outside the database, as integers of 8 bytes, little endian:
///
///     0  high-water mark: the number of the last committed log row, so that a database that lost its tail is found out
///     8  deaths  ┐
///     16 row     │ see `StartNotes`
///     24 message ┘
///
/// Nothing of it is synced: it has to outlive the process, and may be lost with the machine.
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
  package var highWater: Int64 { read(at: 0) }

  /// The mark of a directory that another process may hold; 0 where there is none.
  package static func highWater(directory: String) -> Int64 {
    let descriptor = open("\(directory)/thuong.lock", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    return read(descriptor, at: 0)
  }

  /// Called after a commit: it may lag behind what is committed, and never leads it. A write that fails lets it lag.
  package func setHighWater(_ number: Int64) { write(number, at: 0) }

  package var notes: StartNotes {
    StartNotes(deaths: read(at: 8), row: read(at: 16), message: UInt64(bitPattern: read(at: 24)))
  }
  package func setDeaths(_ count: Int64) { write(count, at: 8) }
  package func setRow(_ number: Int64) { write(number, at: 16) }
  package func setMessage(_ hash: UInt64) { write(Int64(bitPattern: hash), at: 24) }

  private func read(at offset: off_t) -> Int64 { Self.read(descriptor, at: offset) }

  private static func read(_ descriptor: Int32, at offset: off_t) -> Int64 {
    var number: Int64 = 0
    return pread(descriptor, &number, 8, offset) == 8 ? Int64(littleEndian: number) : 0
  }

  private func write(_ number: Int64, at offset: off_t) {
    var number = number.littleEndian
    pwrite(descriptor, &number, 8, offset)
  }
}

/// What a start notes for the next one, should it die of what it does.
package struct StartNotes: Equatable, Sendable {
  /// Starts in a row that died before they had committed a message.
  package var deaths: Int64
  /// The log row that was being read, where the start read row by row; else 0.
  package var row: Int64
  /// The hash of the message in hand, where the start took them one by one; else 0.
  package var message: UInt64
}
