import CZlib
import CZstd
import DeviceRegistry
import Foundation

/// The bytes of a trace file, decompressed on the way.
final class TraceBytes {
  private enum Form {
    case plain
    case gzip(gzFile)
    case zstd(OpaquePointer)
  }

  private static let chunk = 1 << 18
  private let name: String
  private let descriptor: Int32
  private let form: Form
  /// Compressed bytes that zstd has not taken yet.
  private let compressed: UnsafeMutableRawPointer
  private var taken = 0
  private var available = 0
  private var frameOpen = false
  /// Bytes of the file, compressed as they are.
  let total: Int64
  private(set) var consumed: Int64 = 0

  init(_ file: URL) throws(FileFault) {
    name = file.relativePath
    descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFault(file: name, message: "cannot be opened: \(String(cString: strerror(errno)))") }
    total = max(0, Int64(lseek(descriptor, 0, SEEK_END)))
    lseek(descriptor, 0, SEEK_SET)
    switch TraceCompression(path: name) {
    case .none: form = .plain
    case .gzip:
      guard let gz = gzdopen(descriptor, "rb") else { throw FileFault(file: name, message: "not enough memory to open it") }
      gzbuffer(gz, UInt32(Self.chunk))
      form = .gzip(gz)
    case .zstd:
      guard let stream = ZSTD_createDStream() else { throw FileFault(file: name, message: "not enough memory to open it") }
      form = .zstd(stream)
    }
    compressed = .allocate(byteCount: Self.chunk, alignment: 16)
  }

  deinit {
    compressed.deallocate()
    switch form {
    case .plain: close(descriptor)
    case .gzip(let gz): gzclose_r(gz)
    case .zstd(let stream):
      ZSTD_freeDStream(stream)
      close(descriptor)
    }
  }

  /// Fills some of the room; 0 only at the end of the file.
  func read(into room: UnsafeMutableRawBufferPointer) throws(FileFault) -> Int {
    switch form {
    case .plain: try readFile(into: room)
    case .gzip(let gz): try readGzip(gz, into: room)
    case .zstd(let stream): try readZstd(stream, into: room)
    }
  }

  private func readFile(into room: UnsafeMutableRawBufferPointer) throws(FileFault) -> Int {
    while true {
      let count = Foundation.read(descriptor, room.baseAddress, room.count)
      if count >= 0 {
        consumed += Int64(count)
        return count
      }
      if errno != EINTR { throw FileFault(file: name, message: "cannot be read: \(String(cString: strerror(errno)))") }
    }
  }

  private func readGzip(_ gz: gzFile, into room: UnsafeMutableRawBufferPointer) throws(FileFault) -> Int {
    let count = gzread(gz, room.baseAddress, UInt32(min(room.count, 1 << 30)))
    consumed = Int64(gzoffset(gz))
    if gzdirect(gz) == 1 { throw FileFault(file: name, message: "not gzip, as its ending says") }
    if count > 0 { return Int(count) }
    var code: Int32 = Z_OK
    gzerror(gz, &code)
    if code == Z_BUF_ERROR { throw FileFault(file: name, message: "the gzip stream ends too early: was the copy complete?") }
    if count < 0 { throw FileFault(file: name, message: "damaged gzip stream") }
    return 0
  }

  private func readZstd(_ stream: OpaquePointer, into room: UnsafeMutableRawBufferPointer) throws(FileFault) -> Int {
    var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
    while true {
      if taken == available {
        available = try readFile(into: UnsafeMutableRawBufferPointer(start: compressed, count: Self.chunk))
        taken = 0
        if available == 0, total == 0 || frameOpen {
          throw FileFault(file: name, message: "the zstd stream ends too early: was the copy complete?")
        }
      }
      var input = ZSTD_inBuffer(src: compressed, size: available, pos: taken)
      let ended = available == 0
      let left = ZSTD_decompressStream(stream, &output, &input)
      taken = input.pos
      if ZSTD_isError(left) != 0 {
        throw FileFault(file: name, message: "not zstd, or damaged: \(String(cString: ZSTD_getErrorName(left)))")
      }
      frameOpen = ended ? frameOpen : left != 0
      if output.pos > 0 || ended { return output.pos }
    }
  }
}
