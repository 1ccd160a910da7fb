import CFaultyDisk
import Foundation
import TestSupport

/// A directory whose SQLite files live in memory, on a disk that fails as it is told to. What is left to chance comes from its seed.
///
/// Stores are opened in `path`, or in a directory below it, by the same code as ever. What SQLite does not open there (the lock with
/// the high-water mark) stays a real file; each of SQLite's has a placeholder of its size. May be used from any thread.
final class SimulatedDisk: Sendable {
  /// The calls that a fault counts: writes, truncations, syncs and deletions together, or reads, or opens.
  enum Calls: Sendable { case changes, reads, opens }

  enum Effect: CaseIterable, Sendable {
    /// EIO. A sync that fails leaves everything unsynced, or drops part of it for good.
    case error
    /// ENOSPC: a write fails with `SQLITE_FULL`, a sync with an error; reads, truncations and deletions pass.
    case noSpace
    /// A read gets only a part, and zeros for the rest.
    case shortRead
    /// The process dies before the call: neither it nor a later one reaches the disk, until `restart`.
    case crash
  }

  enum Restart: CaseIterable, Sendable {
    /// All that was written is there; locks and shared memory are not.
    case kill
    /// Of each sector (512 bytes), any state since its file's last sync is left. Truncations, creations and deletions that were not
    /// synced may be undone.
    case powerLoss
  }

  /// Canonical, as SQLite sees it.
  let path: String
  private let directory: TemporaryDirectory
  // Safe: the C side locks whatever it touches, and the pointer is valid until deinit.
  nonisolated(unsafe) private let disk: OpaquePointer

  init(seed: UInt64) throws {
    directory = try TemporaryDirectory()
    guard let disk = faulty_disk_create(directory.path, seed), let real = realpath(directory.path, nil) else { throw POSIXError(.ENOENT) }
    self.disk = disk
    path = String(cString: real)
    free(real)
  }

  deinit { faulty_disk_release(disk) }

  // MARK: Faults

  /// The `n`th of these calls from now fails (1 is the next), with `isSticky` every one from it on.
  ///
  /// - Parameter isTorn: the first sectors of a write reach the file before it fails.
  func plan(_ effect: Effect, at n: Int, of calls: Calls = .changes, isTorn: Bool = false, isSticky: Bool = false) {
    let fault = FaultyFault(counted: calls.counted, at: UInt64(n), effect: effect.effect, torn: isTorn, sticky: isSticky)
    precondition(faulty_disk_plan(disk, fault), "at most eight faults wait at a time")
  }

  /// No fault waits or lasts any longer. The limit of space stays.
  func heal() { faulty_disk_heal(disk) }

  /// How many bytes all files together may have, from now on; nil for any number.
  func limitSpace(to bytes: Int64?) { faulty_disk_limit(disk, bytes ?? -1) }

  /// The process died of a fault and was not restarted.
  var isDead: Bool { faulty_disk_is_dead(disk) }

  /// The process ends and another begins. What was open before fails from here on, and may be closed at any time.
  func restart(_ kind: Restart) { faulty_disk_restart(disk, kind == .powerLoss) }

  /// What is left to chance goes on from this seed.
  func seed(_ seed: UInt64) { faulty_disk_seed(disk, seed) }

  // MARK: Snapshots

  /// Everything in the directory at one time, what is not yet synced among it.
  final class Snapshot: Sendable {
    // Safe: nobody changes an image, and the pointer is valid until deinit.
    nonisolated(unsafe) fileprivate let image: OpaquePointer
    fileprivate let others: [String: Data]
    fileprivate init(_ image: OpaquePointer, _ others: [String: Data]) { (self.image, self.others) = (image, others) }
    deinit { faulty_image_release(image) }
  }

  func snapshot() throws -> Snapshot {
    var others: [String: Data] = [:]
    for name in try othersNames() { others[name] = try Data(contentsOf: url(name)) }
    return Snapshot(faulty_disk_snapshot(disk), others)
  }

  /// As a restart into what was then. Faults and the limit of space stay as they are.
  func restore(_ snapshot: Snapshot) throws {
    for name in try othersNames() where snapshot.others[name] == nil { try FileManager.default.removeItem(at: url(name)) }
    faulty_disk_restore(disk, snapshot.image)
    for (name, bytes) in snapshot.others { try overwriteReal(name, bytes) }
  }

  /// In place: whoever holds the file's lock holds it still. What is the same is left alone, since the kernel flushes what is replaced.
  private func overwriteReal(_ name: String, _ bytes: Data) throws {
    if (try? Data(contentsOf: url(name))) == bytes { return }
    if !FileManager.default.fileExists(atPath: url(name).path) { try Data().write(to: url(name)) }
    let file = try FileHandle(forWritingTo: url(name))
    try file.write(contentsOf: bytes)
    try file.truncate(atOffset: UInt64(bytes.count))
    try file.close()
  }

  private func url(_ name: String) -> URL { URL(filePath: "\(path)/\(name)") }

  /// The real files in the directory.
  private func othersNames() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
      var isDirectory: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isDirectory) && !isDirectory.boolValue
        && faulty_disk_size(disk, name) < 0
    }
  }

  // MARK: Files, named from `path`

  /// nil where there is no such file.
  func contents(of name: String) -> [UInt8]? {
    let size = Int(faulty_disk_size(disk, name))
    guard size >= 0 else { return nil }
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = size > 0 ? Int(faulty_disk_copy(disk, name, 0, buffer.baseAddress, Int64(size))) : 0
    }
  }

  /// Damage, which is durable at once. False, and nothing happened, where the file does not reach so far.
  @discardableResult
  func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) -> Bool {
    faulty_disk_overwrite(disk, name, Int64(offset), bytes, Int64(bytes.count))
  }

  @discardableResult
  func flip(bit: Int, ofByte offset: Int, in name: String) -> Bool {
    var byte: UInt8 = 0
    guard faulty_disk_copy(disk, name, Int64(offset), &byte, 1) == 1 else { return false }
    return overwrite(name, at: offset, with: [byte ^ (1 << UInt8(bit))])
  }

  @discardableResult
  func truncate(_ name: String, to size: Int) -> Bool { faulty_disk_cut(disk, name, Int64(size)) }

  @discardableResult
  func remove(_ name: String) -> Bool { faulty_disk_remove(disk, name) }

  // MARK: Figures

  /// Since the disk was made. Calls of a dead process do not count.
  struct Statistics: Equatable, Sendable {
    var reads, writes, truncations, syncs, deletions, opens: Int
    /// Calls that failed for a fault, a limit or a crash.
    var failures: Int
    /// The greatest size of any -wal.
    var walBytesMax: Int64
    /// The sizes of the files that are there now.
    var sizes: [String: Int64]

    var changes: Int { writes + truncations + syncs + deletions }
  }

  var statistics: Statistics {
    func count(_ call: FaultyCall) -> Int { Int(faulty_disk_count(disk, call)) }
    var sizes: [String: Int64] = [:]
    var n: Int64 = 0
    while let name = faulty_disk_name(disk, n) {
      sizes[String(cString: name)] = faulty_disk_size(disk, name)
      n += 1
    }
    return Statistics(
      reads: count(.read), writes: count(.write), truncations: count(.truncate), syncs: count(.sync), deletions: count(.delete),
      opens: count(.open), failures: Int(faulty_disk_failures(disk)), walBytesMax: faulty_disk_wal_max(disk), sizes: sizes)
  }
}

extension SimulatedDisk.Calls {
  fileprivate var counted: FaultyClass {
    switch self {
    case .changes: .changes
    case .reads: .reads
    case .opens: .opens
    }
  }
}

extension SimulatedDisk.Effect {
  fileprivate var effect: FaultyEffect {
    switch self {
    case .error: .error
    case .noSpace: .noSpace
    case .shortRead: .shortRead
    case .crash: .crash
    }
  }
}
