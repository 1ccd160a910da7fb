extension String {
  /// Has no control character: what stands in a log, a table or a message where one line is a thing.
  package var isOneLine: Bool { !unicodeScalars.contains { $0.properties.generalCategory == .control } }
}
