package import DeviceRegistry
package import Foundation

/// A golden file: one CloudEvent a line, as `thuong replay --events` writes them.
package enum GoldenFile {
  /// - Throws: `FileFaults` with every line that is none.
  package static func load(_ file: URL) throws(FileFaults) -> [EventComparison.Line] {
    let faults = FaultList()
    let text = TextFiles.text(file, faults: faults) ?? ""
    var lines: [EventComparison.Line] = []
    for (number, line) in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
      if let line = EventComparison.Line(Array(line)) {
        lines.append(line)
      } else {
        faults.add(FileFault(file: file.relativePath, line: number + 1, column: 1, message: "not a CloudEvent of Thuong's on one line"))
      }
    }
    try faults.throwIfAny()
    return lines
  }
}
