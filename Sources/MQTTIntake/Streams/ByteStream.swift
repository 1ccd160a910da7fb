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
  /// Fewer bytes than there was room for mean that there are no more for now.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult
  /// May take fewer than it is given.
  func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult
  /// After it everything has ended. May be called again.
  func close()
}
