/// What came of reading or writing.
package enum StreamResult: Equatable, Sendable {
  /// So many, more than none, were read or written.
  case bytes(Int)
  case wouldBlock
  /// It is over; why, in words.
  case ended(String)
}

/// The bytes between us and the broker: TCP, TLS, or a test's own. Never blocks.
package protocol ByteStream: AnyObject {
  /// For poll; -1 where there is nothing to wait for.
  var descriptor: Int32 { get }
  /// Something has come that was not read yet, be it the end.
  var hasInput: Bool { get }
  /// As many bytes as there are, as far as there is room; reading may let more come at once.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult
  /// May take fewer than it is given.
  func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult
  /// After it everything has ended. May be called again.
  func close()
}
