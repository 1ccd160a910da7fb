package import Foundation

/// The inputs that are kept in `Tests/Fuzzing/Corpus`, a folder for each harness.
package enum Corpus {
  package struct File: Sendable {
    package let name: String
    package let bytes: [UInt8]
    /// What becomes of it: the name up to its first full stop.
    package var outcome: String { String(name.prefix { $0 != "." }) }
  }

  package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpus")

  /// In order of name.
  package static func files(of harness: String) throws -> [File] {
    let folder = root.appending(path: harness)
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted().map { name in
      File(name: name, bytes: Array(try Data(contentsOf: folder.appending(path: name))))
    }
  }
}
