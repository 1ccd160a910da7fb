import Foundation
import Simulation

/// A file system of a few megabytes mounted on a directory, unmounted with its owner. Mounting needs root.
final class SmallDisk {
  static var isPossible: Bool { getuid() == 0 }
  /// One that turns read-only under its open files, as ext4 does after an error, needs a loop device as well.
  static var canFail: Bool {
    isPossible && FileManager.default.fileExists(atPath: "/dev/loop-control") && FileManager.default.isExecutableFile(atPath: mkfs)
  }

  private static let mkfs = "/usr/sbin/mkfs.ext4"
  private let directory: String
  private let image: String?
  private var ballast: String { "\(directory)/ballast" }

  /// In memory.
  init(on directory: String, megabytes: Int) throws {
    (self.directory, image) = (directory, nil)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Self.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", directory])
  }

  /// ext4 in an image file.
  init(on directory: String, image: String, megabytes: Int) throws {
    (self.directory, self.image) = (directory, image)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    guard FileManager.default.createFile(atPath: image, contents: nil) else { throw CocoaError(.fileWriteUnknown) }
    try FileHandle(forWritingTo: URL(fileURLWithPath: image)).truncate(atOffset: UInt64(megabytes) << 20)
    try Self.run(Self.mkfs, ["-q", image])
    try mountImage()
  }

  deinit { try? Self.run("/bin/umount", [directory]) }

  /// Takes all the space, but for that much.
  func fill(leaving kilobytes: Int = 0) throws {
    (try? ChildProcess("/bin/dd", ["if=/dev/zero", "of=\(ballast)", "bs=4k"]))?.wait()
    guard kilobytes > 0 else { return }
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: ballast))
    try file.truncate(atOffset: try file.seekToEnd() - UInt64(kilobytes) << 10)
  }

  /// Gives the space back.
  func free() throws { try FileManager.default.removeItem(atPath: ballast) }

  /// It turns read-only at once, whatever is open on it.
  func fail() throws { try Self.run("/bin/mount", ["-o", "remount,abort", directory]) }

  /// After `fail`: as a restarted machine mounts it.
  func repair() throws {
    try Self.run("/bin/umount", [directory])
    try mountImage()
  }

  private func mountImage() throws {
    if let image { try Self.run("/bin/mount", ["-o", "loop", image, directory]) }
  }

  private static func run(_ command: String, _ arguments: [String]) throws {
    let child = try ChildProcess(command, arguments)
    child.wait()
    guard child.exitCode == 0 else { throw KillFailure("\(command) \(arguments): exit \(child.exitCode)") }
  }
}
