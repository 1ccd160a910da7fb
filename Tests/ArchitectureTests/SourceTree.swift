import Foundation

/// The files of this package, found from this one.
enum SourceTree {
  struct File {
    /// From the package's root.
    var path: String
    var lines: [String]
    /// The lines without comments and strings.
    var code: [String]

    /// Places where the code holds the text, as `path:line`.
    func places(of text: String) -> [String] {
      code.indices.filter { code[$0].contains(text) }.map { "\(path):\($0 + 1)" }
    }
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Every Swift file below a folder, in order of path.
  static func swiftFiles(in folder: String) throws -> [File] { try all.get().filter { $0.path.hasPrefix(folder + "/") } }

  private static let all = Result { try read(below: "Sources") + read(below: "Tests") }

  private static func read(below folder: String) throws -> [File] {
    let base = root.appending(path: folder)
    var files: [File] = []
    // Module by module: one that is a link is followed.
    for module in try FileManager.default.contentsOfDirectory(atPath: base.path).sorted() {
      let url = base.appending(path: module).resolvingSymlinksInPath()
      for name in (FileManager.default.subpaths(atPath: url.path) ?? []).filter({ $0.hasSuffix(".swift") }).sorted() {
        let text = try String(contentsOf: url.appending(path: name), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        files.append(File(path: "\(folder)/\(module)/\(name)", lines: lines, code: SourceText.code(of: text)))
      }
    }
    return files
  }

  /// The targets of Package.swift, in its order.
  static func targets() throws -> [(name: String, isTest: Bool)] {
    let manifest = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
    return manifest.matches(of: /\.(target|executableTarget|testTarget|systemLibrary)\(\s*name: "(\w+)"/).map {
      let name = String($0.output.2)
      return (name, $0.output.1 == "testTarget" || manifest.contains("path: \"Tests/\(name)"))
    }
  }
}
