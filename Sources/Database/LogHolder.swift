import Foundation
import Glibc

/// Another process that has a read transaction of the store open.
package struct LogHolder: Equatable, Sendable, CustomStringConvertible {
  package var process: Int32
  /// The name of its program, as the kernel has it; empty where that cannot be read.
  package var name: String

  package init(process: Int32, name: String) { (self.process, self.name) = (process, name) }

  package var description: String { name.isEmpty ? "process \(process)" : "process \(process) (\(name))" }

  // A reader holds a shared lock on a byte of SQLite's -shm file (SQLite's wal.c and os_unix.c):
  //
  //   100 ..< 120   five read marks, 4 bytes each, in the machine's order: the frame of the log up to which such readers read
  //   123 ..< 128   the locks on them, a byte each
  private static let marksOffset: off_t = 100
  private static let locksOffset: off_t = 123
  private static let markCount = 5

  /// Those who hold a lock on a read mark, in order of the marks; each process once. Locks of this process do not show.
  static func find(sharedMemory path: String) -> [LogHolder] {
    guard let descriptor = openDescriptor(of: path) else { return [] }
    var marks = [UInt32](repeating: 0, count: markCount)
    guard pread(descriptor, &marks, markCount * 4, marksOffset) == markCount * 4 else { return [] }
    var found: [LogHolder] = []
    for mark in marks.indices.sorted(by: { marks[$0] < marks[$1] }) {
      var lock = flock()
      lock.l_type = Int16(F_WRLCK)
      lock.l_whence = Int16(SEEK_SET)
      lock.l_start = locksOffset + off_t(mark)
      lock.l_len = 1
      guard fcntl(descriptor, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK), lock.l_pid > 0 else { continue }
      let process = lock.l_pid
      if !found.contains(where: { $0.process == process }) { found.append(LogHolder(process: process, name: programName(process))) }
    }
    return found
  }

  /// The descriptor that SQLite itself has open on the file. One of our own must not be: closing it would take all of SQLite's locks with it.
  private static func openDescriptor(of path: String) -> Int32? {
    var wanted = stat()
    guard stat(path, &wanted) == 0 else { return nil }
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return open.lazy.compactMap { Int32($0) }.first { descriptor in
      var info = stat()
      return fstat(descriptor, &info) == 0 && info.st_dev == wanted.st_dev && info.st_ino == wanted.st_ino
    }
  }

  private static func programName(_ process: Int32) -> String {
    let text = try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)
    return text.map { $0.trimmingCharacters(in: .newlines) } ?? ""
  }
}
