package import Foundation

/// A folder of one's own (mode 0700), removed with its owner.
package final class TemporaryDirectory: Sendable {
  package let path: String

  /// - Parameter inMemory: on the machine's file system in memory, where there is one: for what is written often and kept by nobody.
  package init(prefix: String, inMemory: Bool = false) throws {
    let places = (inMemory ? ["/dev/shm"] : []) + [NSTemporaryDirectory()]
    var template: [CChar] = []
    guard
      places.contains(where: { place in
        template = Array("\(place)/\(prefix)-XXXXXX".utf8CString)
        return mkdtemp(&template) != nil
      })
    else { throw CocoaError(.fileWriteNoPermission) }
    path = template.withUnsafeBufferPointer { bytes in String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
  }

  package var url: URL { URL(fileURLWithPath: path, isDirectory: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
