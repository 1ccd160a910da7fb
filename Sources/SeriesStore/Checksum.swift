import CZlib

/// CRC-32 as zlib has it (ISO 3309): finds every error of up to 32 bits in a row, and all others but one in four billion.
enum Checksum {
  /// - Parameter seed: the checksum of what stands before.
  static func crc32(of bytes: UnsafeRawBufferPointer, after seed: UInt32 = 0) -> UInt32 {
    // Safe: the bytes are the caller's, within their count.
    UInt32(truncatingIfNeeded: unsafe crc32_z(UInt(seed), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
  }

  /// The same of a number's eight bytes, little endian.
  static func crc32(of number: Int64, after seed: UInt32 = 0) -> UInt32 {
    var bytes = number.littleEndian
    // Safe: eight bytes of a local.
    return unsafe withUnsafeBytes(of: &bytes) { unsafe crc32(of: $0, after: seed) }
  }
}
