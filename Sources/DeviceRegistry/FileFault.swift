/// One thing wrong in a file of the user's: what, where, and what to do, in one line.
package struct FileFault: Error, Hashable, Sendable, CustomStringConvertible {
  package var file: String
  /// From 1; 0 where the fault is the file's as a whole.
  package var line: Int
  package var column: Int
  package let message: String

  /// - Parameter message: what it quotes from the file may hold line breaks and other control characters; they become spaces.
  package init(file: String, line: Int = 0, column: Int = 0, message: String) {
    (self.file, self.line, self.column, self.message) = (file, line, column, Self.inOneLine(message))
  }

  private static func inOneLine(_ text: String) -> String {
    let isBreak: (Unicode.Scalar) -> Bool = { [.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory) }
    guard text.unicodeScalars.contains(where: isBreak) else { return text }
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { line.append(isBreak(scalar) ? " " : scalar) }
    return String(line)
  }

  package var description: String { line == 0 ? "\(file): \(message)" : "\(file):\(line):\(column): \(message)" }
}

/// All faults of a load at once: users mend a file in one round, not one fault at a time.
package struct FileFaults: Error, Sendable, CustomStringConvertible {
  package var faults: [FileFault]
  package init(_ faults: [FileFault]) { self.faults = faults }
  package var description: String { faults.map(\.description).joined(separator: "\n") }
}
