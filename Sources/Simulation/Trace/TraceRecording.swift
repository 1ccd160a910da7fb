package import DeviceRegistry
package import Foundation

/// Writes what a running gateway sends of its inputs as a trace that people can read: payloads stand as they came, and no longer in base64.
///
/// What came more than a second before the last line can be read from the file however this process ends.
package final class TraceRecording {
  private let writer: TraceWriter
  private let parser: TraceLineParser
  /// The line, and what the parser wants to be able to read behind it.
  private var padded: [UInt8] = []
  private var savedAt = ContinuousClock.now

  package var lineCount: Int { writer.lineCount }

  /// - Throws: a fault with the file's name where it cannot be created. An existing file is replaced, once there is a line or the end of it.
  package init(file: URL) throws(FileFault) {
    writer = try TraceWriter(file: file)
    guard let parser = TraceLineParser() else { throw FileFault(file: file.relativePath, message: "not enough memory to write it") }
    self.parser = parser
  }

  /// - Parameter line: without its end.
  package func append(_ line: [UInt8]) throws {
    padded.removeAll(keepingCapacity: true)
    padded += line
    padded += repeatElement(0x0a, count: TraceLineParser.padding)
    let input = try padded.withUnsafeBytes { bytes in
      try parser.parse(UnsafeRawBufferPointer(rebasing: bytes[..<line.count])).input
    }
    try writer.append(input)
    guard ContinuousClock.now - savedAt > .seconds(1) else { return }
    try writer.save()
    savedAt = .now
  }

  /// Everything that came until then can be replayed.
  package func close() throws(FileFault) { try writer.close() }
}
