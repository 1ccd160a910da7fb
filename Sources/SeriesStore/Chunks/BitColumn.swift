/// Bits of any number at a time, low ones first.
struct BitWriter: ~Copyable {
  static let most = 56
  private var bytes = ByteColumn()
  private var pending: UInt64 = 0
  private var count = 0

  mutating func removeAll() {
    bytes.removeAll()
    (pending, count) = (0, 0)
  }

  /// - Parameter n: at most `most`; `value` has no higher bits.
  mutating func put(_ value: UInt64, _ n: Int) {
    pending |= value << UInt64(count)
    count += n
    while count >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      count -= 8
    }
  }

  /// 64 bits or fewer.
  mutating func putLong(_ value: UInt64, _ n: Int) {
    put(value & 0xffff_ffff, min(n, 32))
    if n > 32 { put(value >> 32, n - 32) }
  }

  /// Appends the bytes, the last first, so that they are read from a column's end.
  mutating func finish(into column: inout ByteColumn) {
    if count > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
    (pending, count) = (0, 0)
    let all = unsafe bytes.bytes
    for place in stride(from: all.count - 1, through: 0, by: -1) {
      // Safe: a place in the bytes.
      unsafe column.append(all[place])
    }
  }
}

/// Reads bits from the end of a range of bytes towards its begin. Beyond it they are zeros, which `isWithin` tells.
@safe struct BitReader {
  private let bytes: UnsafeRawBufferPointer
  /// The first byte that was read; below 0 where there are no more.
  private(set) var at: Int
  private var pending: UInt64 = 0
  private var count = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe self.bytes = bytes
    at = bytes.count
  }

  /// - Parameter n: at most `BitWriter.most`.
  @inline(__always) mutating func get(_ n: Int) -> UInt64 {
    while count < n {
      at -= 1
      // Safe: at is below the count, and checked.
      if at >= 0 { pending |= UInt64(unsafe bytes[at]) << UInt64(count) }
      count += 8
    }
    let value = pending & ((1 << UInt64(n)) - 1)
    pending >>= UInt64(n)
    count -= n
    return value
  }

  mutating func getLong(_ n: Int) -> UInt64 {
    let low = get(min(n, 32))
    return n > 32 ? low | get(n - 32) << 32 : low
  }

  /// Every bit that was read was there, and those left in the byte are zeros, as the writer leaves them.
  var isWithin: Bool { at >= 0 && count < 8 && pending == 0 }
}
