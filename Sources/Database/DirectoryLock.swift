import Glibc

/// The exclusive lock on a data directory (flock on `thuong.lock`): freed by the kernel however the process ends.
///
/// The file also holds what has to stand outside the database, as integers of 8 bytes, little endian:
///
///     0  high-water mark: the number of the last committed log row, so that a database that lost its tail is found out
///     8  deaths  ┐
///     16 row     │ see `CrashNotes`
///     24 message ┘
///
/// Only a restore syncs it: else it has to outlive the process, and may be lost with the machine.
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
    guard take(descriptor) else {
      close(descriptor)
      throw .inUse(directory: directory)
    }
    return descriptor
  }

  /// A process that this one starts has the lock of a store just closed for as long as it takes from fork to exec.
  private static func take(_ descriptor: Int32) -> Bool {
    for _ in 0..<10 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      poll(nil, 0, 10)
    }
    return false
  }

  deinit {
    CrashNote.disarm(descriptor)
    close(descriptor)
  }

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

  /// The directory gets another store, which ends with that row: what is noted of the one before it is forgotten, also over a power loss.
  func begin(highWater number: Int64) throws(StoreError) {
    setHighWater(number)
    clearNotes()
    guard highWater == number, fdatasync(descriptor) == 0 else { throw PartialFile.failure("thuong.lock", "cannot be written") }
  }

  static let notesAt: off_t = 8

  package var notes: CrashNotes {
    CrashNotes(deaths: read(at: 8), row: read(at: 16), message: UInt64(bitPattern: read(at: 24)))
  }

  /// From here on a crash of the process adds itself to the notes.
  package func armNotes() { CrashNote.arm(descriptor, deaths: notes.deaths) }

  /// The start was a good one: a crash is no longer noted, and those before it are forgotten.
  package func clearNotes() {
    CrashNote.disarm(descriptor)
    for offset in [8, 16, 24] as [off_t] { write(0, at: offset) }
  }

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

/// What the last starts died of, where they crashed.
package struct CrashNotes: Equatable, Sendable {
  /// Starts in a row that crashed before they had committed a message. Who was killed from outside does not count.
  package var deaths: Int64
  /// The log row that the last of them was reading, where it read row by row; else 0.
  package var row: Int64
  /// The hash of the message that it had in hand, where it took them one by one; else 0.
  package var message: UInt64
}
