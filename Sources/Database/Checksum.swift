import CZlib

/// CRC-32 as zlib has it (ISO 3309): finds every error of up to 32 bits in a row, and all others but one in four billion.
package enum Checksum {
  /// - Parameter seed: the checksum of what stands before.
  package static func crc32(of bytes: UnsafeRawBufferPointer, after seed: UInt32 = 0) -> UInt32 {
    // Safe: the bytes are the caller's, within their count.
    UInt32(truncatingIfNeeded: crc32_z(UInt(seed), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
  }

  /// The same of a number's eight bytes, little endian.
  package static func crc32(of number: Int64, after seed: UInt32 = 0) -> UInt32 {
    var bytes = number.littleEndian
    // Safe: eight bytes of a local.
    return withUnsafeBytes(of: &bytes) { crc32(of: $0, after: seed) }
  }
}
