/// A 64-bit hash of bytes, eight at a time, folded by a 128-bit product (the mixing step of wyhash). Not for secrets: whoever
/// chooses the bytes can make two that agree.
package enum ByteHash {
  package static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0x9e37_79b9_7f4a_7c15) -> UInt64 {
    var state = seed
    var i = 0
    while i + 8 <= bytes.count {
      state = fold(state ^ bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      i += 8
    }
    var tail: UInt64 = 0
    while i < bytes.count {
      tail = tail << 8 | UInt64(bytes[i])
      i += 1
    }
    return fold(fold(state ^ tail) ^ UInt64(bytes.count))
  }

  private static func fold(_ x: UInt64) -> UInt64 {
    let product = x.multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
  }
}
