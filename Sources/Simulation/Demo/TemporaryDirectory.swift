package import Foundation

/// A folder of one's own (mode 0700), removed with its owner.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init(prefix: String) throws {
    var template = Array("\(NSTemporaryDirectory())/\(prefix)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteNoPermission) }
    path = template.withUnsafeBufferPointer { bytes in String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
  }

  package var url: URL { URL(fileURLWithPath: path, isDirectory: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
