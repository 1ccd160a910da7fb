import MQTTIntake

/// A stream whose bytes the test lays out: one chunk a read.
final class MemoryStream: ByteStream {
  private(set) var sent: [UInt8] = []
  private(set) var writes = 0
  private(set) var isClosed = false
  /// Bytes that writes still take before they would block.
  var room = Int.max
  /// What comes when the chunks are used up; nil for nothing yet.
  var end: String?
  /// What a write says; nil for taking the bytes.
  var writeEnd: String?
  private var chunks: ArraySlice<[UInt8]> = []

  let descriptor: Int32 = -1
  /// What the owner has not looked at yet.
  var hasInput = false

  func arrive(_ bytes: [UInt8]) { if !bytes.isEmpty { chunks.append(bytes) } }

  var isDrained: Bool { chunks.isEmpty }

  func takeSent() -> [UInt8] {
    defer { sent = [] }
    return sent
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
    if isClosed { return .ended("read after close") }
    guard let chunk = chunks.first else { return end.map { .ended($0) } ?? .wouldBlock }
    let count = min(chunk.count, buffer.count)
    buffer.copyBytes(from: chunk[..<count])
    if count == chunk.count { chunks.removeFirst() } else { chunks[chunks.startIndex].removeFirst(count) }
    return .bytes(count)
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult {
    writes += 1
    if isClosed { return .ended("write after close") }
    if let writeEnd { return .ended(writeEnd) }
    let count = min(room, bytes.count)
    guard count > 0 else { return .wouldBlock }
    sent += bytes[..<count]
    room -= count
    return .bytes(count)
  }

  func close() { isClosed = true }
}
