/// A growing column of bytes that keeps its memory between batches: nothing is allocated for a reading in steady state.
@safe struct ByteColumn: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 4096) {
    unsafe base = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit { unsafe base.deallocate() }

  mutating func removeAll() { count = 0 }

  /// Room for `more` bytes behind the last.
  private mutating func reserve(_ more: Int) {
    if count + more <= capacity { return }
    let larger = max(capacity * 2, count + more)
    let new = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    // Safe: the new region holds at least count bytes.
    unsafe new.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = new
    capacity = larger
  }

  mutating func append(_ byte: UInt8) {
    reserve(1)
    // Safe: reserve made room for it.
    unsafe base[count] = byte
    count += 1
  }

  /// Little endian, as every integer of a fixed width in the log.
  mutating func append<T: FixedWidthInteger>(fixed value: T) {
    reserve(MemoryLayout<T>.size)
    // Safe: reserve made room for it.
    unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: T.self)
    count += MemoryLayout<T>.size
  }

  /// LEB128: seven bits a byte, low ones first.
  mutating func append(unsigned value: UInt64) {
    reserve(10)
    var rest = value
    while rest >= 0x80 {
      // Safe: at most ten bytes, reserved above.
      unsafe base[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      count += 1
      rest >>= 7
    }
    unsafe base[count] = UInt8(truncatingIfNeeded: rest)
    count += 1
  }

  /// Zig-zag, so that small negative numbers are short too.
  mutating func append(signed value: Int64) { append(unsigned: UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

  mutating func append(_ other: borrowing ByteColumn) {
    reserve(other.count)
    // Safe: reserve made room; the columns are two owners' memory.
    unsafe (base + count).update(from: other.base, count: other.count)
    count += other.count
  }

  mutating func append(bytes: UnsafeRawBufferPointer) {
    reserve(bytes.count)
    // Safe: reserve made room for bytes.count bytes.
    if let start = bytes.baseAddress { unsafe UnsafeMutableRawPointer(base + count).copyMemory(from: start, byteCount: bytes.count) }
    count += bytes.count
  }

  /// Overwrites four bytes already written.
  mutating func set(_ value: UInt32, at offset: Int) {
    precondition(offset + 4 <= count, "a set overwrites what was appended")
    // Safe: checked above.
    unsafe UnsafeMutableRawPointer(base + offset).storeBytes(of: value.littleEndian, as: UInt32.self)
  }

  /// The bytes, valid until the next change.
  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }
}

/// Reads a column back, never past its end: every function returns nil there.
@safe struct ByteScanner {
  private let bytes: UnsafeRawBufferPointer
  private(set) var at: Int

  init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) {
    unsafe self.bytes = bytes
    at = start
  }

  var remaining: Int { unsafe bytes.count - at }

  mutating func byte() -> UInt8? {
    guard remaining >= 1 else { return nil }
    // Safe: checked above.
    defer { at += 1 }
    return unsafe bytes[at]
  }

  mutating func fixed<T: FixedWidthInteger>(_ type: T.Type) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    // Safe: checked above.
    defer { at += MemoryLayout<T>.size }
    return unsafe T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
  }

  mutating func unsigned() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let next = byte() {
      if shift == 63 && next > 1 { return nil }
      value |= UInt64(next & 0x7f) << shift
      if next & 0x80 == 0 { return value }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }

  mutating func signed() -> Int64? {
    guard let raw = unsigned() else { return nil }
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// A count that the rest of the bytes can hold, at `least` bytes each.
  mutating func count(least: Int) -> Int? {
    guard let n = unsigned(), n <= UInt64(remaining / max(1, least)) else { return nil }
    return Int(n)
  }

  mutating func take(_ n: Int) -> UnsafeRawBufferPointer? {
    guard n >= 0, remaining >= n else { return nil }
    // Safe: checked above.
    defer { at += n }
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[at..<(at + n)])
  }
}
