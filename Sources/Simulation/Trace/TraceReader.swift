package import DeviceRegistry
package import Foundation
import Readings

/// Reads traces as one stream: by `at`, and at the same `at` in the order in which the files were named. Nothing is allocated per line.
package final class TraceReader {
  private let sources: [TraceSource]
  /// Whose line was given out last, and has to move on before the next choice.
  private var lent: TraceSource?
  /// Lines given out so far.
  package private(set) var lineCount = 0

  /// - Throws: a fault with the file's name where it cannot be opened, or where its first line is none.
  package init(files: [URL]) throws(FileFault) {
    var sources: [TraceSource] = []
    for file in files {
      let source = try TraceSource(file)
      try source.advance()
      sources.append(source)
    }
    self.sources = sources
  }

  /// The next line, nil at the end. Its bytes stand until the next call.
  ///
  /// - Throws: a fault with file, line and column. The stream cannot go on after it.
  package func next() throws(FileFault) -> TraceLine? {
    try lent?.advance()
    lent = nil
    var first: TraceSource?
    for source in sources {
      guard let line = source.line else { continue }
      if let best = first?.line, best.at <= line.at { continue }
      first = source
    }
    lent = first
    if first != nil { lineCount += 1 }
    return first?.line
  }

  /// Where the line stands that was given out last: its file, and its number there from 1.
  package var place: (file: String, line: Int) { lent.map { ($0.name, $0.number) } ?? ("", 0) }

  /// How far it is, in bytes of the files as they are stored.
  package var progress: (read: Int64, total: Int64) {
    sources.reduce((0, 0)) { ($0.0 + $1.bytesRead, $0.1 + $1.bytesTotal) }
  }
}

/// One trace file: its current line, in a buffer that is refilled in large reads.
final class TraceSource {
  /// Longer lines are a fault: no message is nearly as large.
  static let lineLimit = 16 << 20

  let name: String
  private let bytes: TraceBytes
  private let parser: TraceLineParser
  private var buffer: UnsafeMutableRawPointer
  private var capacity = 1 << 20
  private var start = 0
  private var end = 0
  private var atEnd = false
  /// Of the current line, from 1.
  private(set) var number = 0

  /// Nil at the end of the file.
  private(set) var line: TraceLine?
  private var lastAt = Int64.min

  var bytesRead: Int64 { bytes.consumed }
  var bytesTotal: Int64 { bytes.total }

  init(_ file: URL) throws(FileFault) {
    name = file.relativePath
    bytes = try TraceBytes(file)
    guard let parser = TraceLineParser() else { throw FileFault(file: name, message: "not enough memory to read it") }
    self.parser = parser
    buffer = Self.allocate(capacity)
  }

  deinit { buffer.deallocate() }

  /// A faulty last line has no line feed behind it, and is no whole object.
  private func isCut(_ line: UnsafeRawBufferPointer, _ fault: TraceLineParser.Fault) -> Bool {
    atEnd && (line.last != UInt8(ascii: "}") || fault.message == TraceLineParser.notJSON)
  }
  private static let cut = "; or the trace was cut in this line: was it recorded and copied to its end?"

  func advance() throws(FileFault) {
    while let text = try nextText() {
      number += 1
      if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
      let found: TraceLine
      do {
        found = try parser.parse(text)
      } catch {
        throw FileFault(file: name, line: number, column: error.column, message: error.message + (isCut(text, error) ? Self.cut : ""))
      }
      if found.at.milliseconds < lastAt {
        throw FileFault(
          file: name, line: number, column: 1,
          message: "\"at\" goes back from \(lastAt) to \(found.at.milliseconds): lines stand in order of arrival; sort the trace by \"at\"")
      }
      lastAt = found.at.milliseconds
      line = found
      return
    }
    line = nil
  }

  /// The bytes of the next line, without its line feed.
  private func nextText() throws(FileFault) -> UnsafeRawBufferPointer? {
    var searched = 0
    while true {
      if let feed = memchr(buffer + start + searched, 0x0a, end - start - searched) {
        let length = buffer.distance(to: feed) - start
        return take(length, andFeed: 1)
      }
      if atEnd {
        // Older bytes of the file may stand there, and a line that is cut short must not go on with them. `allocate` left room.
        buffer.storeBytes(of: 0x0a, toByteOffset: end, as: UInt8.self)
        return end > start ? take(end - start, andFeed: 0) : nil
      }
      searched = end - start
      try refill()
    }
  }

  private func take(_ length: Int, andFeed feed: Int) -> UnsafeRawBufferPointer {
    defer { start += length + feed }
    return UnsafeRawBufferPointer(start: buffer + start, count: length)
  }

  private func refill() throws(FileFault) {
    if start > 0 {
      memmove(buffer, buffer + start, end - start)
      (start, end) = (0, end - start)
    }
    if end == capacity {
      guard capacity < Self.lineLimit else {
        throw FileFault(
          file: name, line: number + 1, column: 1, message: "a line of more than 16 MiB: is this a trace, one JSON object a line?")
      }
      let larger = Self.allocate(capacity * 2)
      memcpy(larger, buffer, end)
      buffer.deallocate()
      (buffer, capacity) = (larger, capacity * 2)
    }
    let count = try bytes.read(into: UnsafeMutableRawBufferPointer(start: buffer + end, count: capacity - end))
    atEnd = count == 0
    end += count
  }

  /// Room for lines, and for what the parser reads ahead of the last.
  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    let size = capacity + TraceLineParser.padding
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    memset(memory, 0, size)
    return memory
  }
}
