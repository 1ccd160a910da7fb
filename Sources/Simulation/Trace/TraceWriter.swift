import CZlib
import CZstd
package import DeviceRegistry
package import Foundation
package import Readings

/// Writes a trace, gzip or zstd by its file's ending. What it writes reads back byte for byte; the same inputs give the same file.
package final class TraceWriter {
  private static let bufferSize = 1 << 18

  private let file: TraceFile
  private let parser: TraceLineParser
  private var line = JSONWriter(reserving: 1 << 18)
  /// Lines written so far.
  package private(set) var lineCount = 0

  /// - Throws: a fault with the file's name where it cannot be created. An existing file is replaced.
  package init(file url: URL) throws(FileFault) {
    file = try TraceFile(url)
    guard let parser = TraceLineParser() else { throw FileFault(file: url.relativePath, message: "not enough memory to write it") }
    self.parser = parser
  }

  package func append(_ input: TraceInput) throws(FileFault) {
    switch input {
    case .message(let at, let topic, let payload, let retain):
      // The closure cannot throw a typed error, so that the line is made inside and written outside.
      payload.withUnsafeBytes { put(at: at, topic: topic, payload: $0, retain: retain) }
    case .command(let at, let json):
      put(at) {
        $0.key("command"); $0.raw(json)
      }
    case .intake(let at, let isUp):
      put(at) { $0.field("intake", isUp ? "up" : "down") }
    case .clock(let at):
      put(at) { _ in }
    }
    try endLine()
  }

  /// The same as `append(.message…)` for bytes that stand elsewhere.
  package func append(at: Timestamp, topic: String, payload: UnsafeRawBufferPointer, retain: Bool = false) throws(FileFault) {
    put(at: at, topic: topic, payload: payload, retain: retain)
    try endLine()
  }

  /// Writes what is left, so that it can be read whatever happens to this process; the trace goes on.
  package func save() throws(FileFault) {
    try flush()
    try file.sync()
  }

  /// Writes what is left and closes the file; a trace that was not closed is not complete.
  package func close() throws(FileFault) {
    try flush()
    try file.close()
  }

  /// JSON in one line stands as it is, other text as `text`, anything else as `base64`.
  private func put(at: Timestamp, topic: String, payload: UnsafeRawBufferPointer, retain: Bool) {
    put(at) { w in
      w.field("topic", topic)
      if retain { w.field("retain", true) }
      if parser.isOneLineOfJSON(payload) {
        w.key("payload")
        w.raw(payload)
      } else if let text = String(validating: payload, as: UTF8.self) {
        w.field("text", text)
      } else {
        w.field("base64", Data(payload).base64EncodedString())
      }
    }
  }

  private func put(_ at: Timestamp, _ rest: (inout JSONWriter) -> Void) {
    line.object { w in
      w.field("at", at.milliseconds)
      rest(&w)
    }
    line.endLine()
  }

  private func endLine() throws(FileFault) {
    lineCount += 1
    if line.bytes.count >= Self.bufferSize { try flush() }
  }

  private func flush() throws(FileFault) {
    try file.write(line.bytes)
    line.removeAll()
  }
}

/// The file under a writer. One that is there already is replaced by the first that is written, and not before: whoever finds out that
/// there is nothing to write has harmed nothing.
private final class TraceFile {
  private enum Form {
    case untouched
    case plain
    case gzip(gzFile)
    case zstd(OpaquePointer)
  }

  private let name: String
  private let descriptor: Int32
  private var form = Form.untouched
  private var compressed: [UInt8] = []
  private var isOpen = true

  init(_ url: URL) throws(FileFault) {
    name = url.relativePath
    descriptor = open(url.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileFault(file: name, message: "cannot be created: \(String(cString: strerror(errno)))") }
  }

  deinit {
    if case .zstd(let stream) = form { ZSTD_freeCStream(stream) }
    guard isOpen else { return }
    if case .gzip(let gz) = form { gzclose_w(gz) } else { Foundation.close(descriptor) }
  }

  private func begin() throws(FileFault) {
    guard case .untouched = form else { return }
    // A pipe or a device has no length.
    if ftruncate(descriptor, 0) != 0, errno != EINVAL { throw unwritable() }
    switch TraceCompression(path: name) {
    case .none: form = .plain
    case .gzip:
      guard let gz = gzdopen(descriptor, "wb6") else { throw FileFault(file: name, message: "not enough memory to write it") }
      form = .gzip(gz)
    case .zstd:
      guard let stream = ZSTD_createCStream() else { throw FileFault(file: name, message: "not enough memory to write it") }
      compressed = Array(repeating: 0, count: ZSTD_CStreamOutSize())
      form = .zstd(stream)
    }
  }

  func write(_ bytes: [UInt8]) throws(FileFault) {
    guard !bytes.isEmpty else { return }
    try begin()
    switch form {
    case .untouched, .plain: try put(bytes, count: bytes.count)
    case .gzip(let gz):
      if gzwrite(gz, bytes, UInt32(bytes.count)) != Int32(bytes.count) { throw unwritable() }
    case .zstd(let stream): try compress(stream, bytes, ZSTD_e_continue)
    }
  }

  /// What was written until now can be read from the file, were it never closed.
  func sync() throws(FileFault) {
    switch form {
    case .untouched, .plain: return
    case .gzip(let gz): if gzflush(gz, Z_SYNC_FLUSH) != Z_OK { throw unwritable() }
    case .zstd(let stream): try compress(stream, [], ZSTD_e_flush)
    }
  }

  func close() throws(FileFault) {
    try begin()
    if case .zstd(let stream) = form { try compress(stream, [], ZSTD_e_end) }
    isOpen = false
    let failed: Bool = if case .gzip(let gz) = form { gzclose_w(gz) != Z_OK } else { Foundation.close(descriptor) != 0 }
    if failed { throw unwritable() }
  }

  private func compress(_ stream: OpaquePointer, _ bytes: [UInt8], _ directive: ZSTD_EndDirective) throws(FileFault) {
    var taken = 0
    var left = 1
    while taken < bytes.count || (directive != ZSTD_e_continue && left != 0) {
      var made = 0
      left = bytes.withUnsafeBytes { source in
        compressed.withUnsafeMutableBytes { room in
          var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: taken)
          var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
          let left = ZSTD_compressStream2(stream, &output, &input, directive)
          (taken, made) = (input.pos, output.pos)
          return left
        }
      }
      if ZSTD_isError(left) != 0 { throw FileFault(file: name, message: "zstd: \(String(cString: ZSTD_getErrorName(left)))") }
      try put(compressed, count: made)
    }
  }

  private func put(_ bytes: [UInt8], count: Int) throws(FileFault) {
    var written = 0
    while written < count {
      let n = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress.map { $0 + written }, count - written) }
      if n < 0 && errno != EINTR { throw unwritable() }
      written += max(0, n)
    }
  }

  private func unwritable() -> FileFault { FileFault(file: name, message: "cannot be written: \(String(cString: strerror(errno)))") }
}
