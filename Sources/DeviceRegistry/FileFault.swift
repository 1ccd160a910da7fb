/// One thing wrong in a file of the user's: what, where, and what to do, in one line.
package struct FileFault: Error, Hashable, Sendable, CustomStringConvertible {
  package var file: String
  /// From 1; 0 where the fault is the file's as a whole.
  package var line: Int
  package var column: Int
  package var message: String

  package init(file: String, line: Int = 0, column: Int = 0, message: String) {
    (self.file, self.line, self.column, self.message) = (file, line, column, message)
  }

  package var description: String { line == 0 ? "\(file): \(message)" : "\(file):\(line):\(column): \(message)" }
}

/// All faults of a load at once: users mend a file in one round, not one fault at a time.
package struct FileFaults: Error, Sendable, CustomStringConvertible {
  package var faults: [FileFault]
  package init(_ faults: [FileFault]) { self.faults = faults }
  package var description: String { faults.map(\.description).joined(separator: "\n") }
}
