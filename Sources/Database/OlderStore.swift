import Foundation
import Glibc

/// The copy of a store from before it was brought up to date, `thuong.sqlite.before-<format>` beside it: what an older version opens.
///
/// It stays until the operator removes it, or a later one takes its place: there is one at most.
enum OlderStore {
  /// Makes the copy. One of the same name is of a start that went no further, and makes room.
  ///
  /// - Returns: its path.
  /// - Throws: `.unusable` where there is no room for it.
  static func keep(_ store: String, format: Int, before next: Int) throws(StoreError) -> String {
    let path = "\(store).before-\(next)"
    do throws(StoreError) {
      try StoreCopy(of: store, at: "\(store).before.partial").place(at: path, replacing: true)
    } catch {
      guard case .unusable(let why) = error else { throw error }
      throw .unusable("the store is of format \(format), is copied before it is changed, and is unchanged: \(why)")
    }
    return path
  }

  static func removeOthers(than path: String, of store: String) {
    let file = URL(fileURLWithPath: store)
    let directory = file.deletingLastPathComponent()
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    for name in names where name.hasPrefix("\(file.lastPathComponent).before-") {
      let other = directory.appendingPathComponent(name).path
      if other != URL(fileURLWithPath: path).path { unlink(other) }
    }
  }
}
