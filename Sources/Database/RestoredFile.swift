import Foundation
import Glibc
package import Readings

/// A store that takes the place of another one, in steps of which any may be the last of a killed process.
///
/// The new file is made and checked as `thuong.sqlite.restored.partial`. It becomes the store at the moment when it is renamed
///
///     thuong.sqlite.restored-<log row>-<time>      the last row of its log; which name the store before it gets
///
/// What remains is done by whoever opens the directory next, however often that is begun: the old write-ahead log and file are renamed
/// `thuong.sqlite.replaced-<time>`, the mark outside the database is set to that log row, the new file gets its name.
package enum RestoredFile {
  package static let partialName = "\(StoreFile.name).restored.partial"
  private static let prefix = "\(StoreFile.name).restored-"

  /// From here on the copy is the store of the directory.
  ///
  /// - Parameter time: part of the name of the store that was there.
  /// - Returns: the name of the file that was there, where there was one.
  package static func place(
    _ copy: StoreCopy, _ directory: String, _ lock: borrowing DirectoryLock, lastRow: Int64, time: String
  ) throws(StoreError) -> String? {
    let hadStore = access("\(directory)/\(StoreFile.name)", F_OK) == 0
    try copy.place(at: "\(directory)/\(prefix)\(lastRow)-\(time)")
    try finish(directory, lock)
    return hadStore ? replacedName(time) : nil
  }

  /// An instant as file names have it, in UTC: `20251121T003200.000Z`; the next one that no store was replaced at.
  package static func freeTime(_ now: Timestamp, _ directory: String) -> String {
    var at = now
    while StoreFile.isThere("\(directory)/\(replacedName(at.fileName))") { at = at + 1 }
    return at.fileName
  }

  /// What the present store is called once another one has taken its place.
  package static func replacedName(_ time: String) -> String { "\(StoreFile.name).replaced-\(time)" }

  /// Does what a restore has still to do, if there is any; what one left unfinished that had not come so far goes.
  package static func finish(_ directory: String, _ lock: borrowing DirectoryLock) throws(StoreError) {
    unlink("\(directory)/\(partialName)")
    guard let restored = pending(directory) else { return }
    let parts = restored.dropFirst(prefix.count).split(separator: "-", maxSplits: 1)
    guard parts.count == 2, let row = Int64(parts[0]) else {
      throw .unusable("\(directory)/\(restored): no name that a restore gives; move it elsewhere")
    }
    let (present, replaced) = ("\(directory)/\(StoreFile.name)", "\(directory)/\(replacedName(String(parts[1])))")
    // The log first: none of the old store is ever beside the new one. An old file without its log is none that anybody opens.
    try move("\(present)-wal", "\(replaced)-wal")
    unlink("\(present)-shm")
    try move(present, replaced)
    try lock.begin(highWater: row)
    try PartialFile.syncDirectory(of: present)
    try move("\(directory)/\(restored)", present)
    try PartialFile.syncDirectory(of: present)
  }

  /// What is there meanwhile is no store to read.
  package static func refusePending(_ directory: String) throws(StoreError) {
    if pending(directory) != nil {
      throw .unusable("\(directory): a restore was not finished; the start of the gateway finishes it, then try again")
    }
  }

  private static func pending(_ directory: String) -> String? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasPrefix(prefix) }.max()
  }

  private static func move(_ old: String, _ new: String) throws(StoreError) {
    guard rename(old, new) != 0, errno != ENOENT else { return }
    throw PartialFile.failure(old, "cannot be renamed")
  }
}
