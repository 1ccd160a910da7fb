import Glibc

/// Room on the store's disk that is kept for when there is no other: a file of it beside the store, `thuong.ballast`.
///
/// On a full disk even deleting fails, since SQLite writes first what it will change. So intake pauses while there is still some room, and
/// what is in hand when there is none after all gets the room of this file.
package final class DiskReserve {
  package static let name = "thuong.ballast"
  /// Of the disk's size; more than `bytesMax` is never needed.
  private static let share: Int64 = 32
  private static let bytesMax: Int64 = 64 << 20

  private let directory: String
  private let path: String
  /// With less room than this for us the disk is full.
  package let lowWater: Int64
  private var isHeld = false

  /// Nothing is written yet. What an earlier process has left counts.
  package init(directory: String) {
    (self.directory, path) = (directory, "\(directory)/\(Self.name)")
    lowWater = min(Self.bytesMax, Self.disk(directory).map { $0.size / Self.share } ?? Self.bytesMax)
    isHeld = StoreFile.isThere(path)
  }

  /// Bytes of the disk, and of those how many we may take.
  private static func disk(_ directory: String) -> (size: Int64, free: Int64)? {
    var info = statvfs()
    guard statvfs(directory, &info) == 0 else { return nil }
    return (Int64(clamping: info.f_blocks) * Int64(info.f_frsize), Int64(clamping: info.f_bavail) * Int64(info.f_frsize))
  }

  /// Whether there is less room than there has to be. Once there was, there has to be twice as much, and the reserve's own beside it.
  package func isLow(wasLow: Bool) -> Bool {
    guard let free = Self.disk(directory)?.free else { return wasLow }
    return free < (wasLow ? 2 * lowWater + (isHeld ? 0 : lowWater) : lowWater)
  }

  /// Takes the room, where it is not taken and there is enough beside it.
  package func take() {
    guard !isHeld, let free = Self.disk(directory)?.free, free >= 3 * lowWater else { return }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    isHeld = posix_fallocate(descriptor, 0, off_t(lowWater)) == 0
    if !isHeld { unlink(path) }
  }

  /// Gives the room back.
  ///
  /// - Returns: whether there was any.
  package func give() -> Bool {
    guard isHeld else { return false }
    isHeld = false
    return unlink(path) == 0
  }
}
