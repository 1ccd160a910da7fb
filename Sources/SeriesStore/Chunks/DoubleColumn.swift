// A column of doubles, whose count its reader knows: raw bits, read from its last byte backwards. The first is 64 bits; each other one
// follows as its exclusive or with the one before (T. Pelkonen et al., "Gorilla", VLDB 2015, 4.1.2):
//
//   0                                  the same again
//   1 0  bits                          what differs lies within the last stretch of bits that was given
//   1 1  6 bits, 6 bits, bits          zeros above the stretch, its length less one, the stretch
//
// What has no value (NaN) is as the one before it.
enum DoubleColumn {
  static func encode(_ values: [Double], into column: inout ByteColumn) {
    var raw = BitWriter()
    var last: UInt64 = 0
    var (above, length) = (0, 0)
    for (place, value) in values.enumerated() {
      let bits = value.isNaN ? last : value.bitPattern
      defer { last = bits }
      if place == 0 {
        raw.putLong(bits, 64)
        continue
      }
      let differing = bits ^ last
      if differing == 0 {
        raw.put(0, 1)
        continue
      }
      let (zerosAbove, zerosBelow) = (differing.leadingZeroBitCount, differing.trailingZeroBitCount)
      if length > 0, zerosAbove >= above, zerosBelow >= 64 - above - length {
        raw.put(0b01, 2)
      } else {
        (above, length) = (zerosAbove, 64 - zerosAbove - zerosBelow)
        raw.put(0b11 | UInt64(above) << 2 | UInt64(length - 1) << 8, 14)
      }
      raw.putLong(differing >> UInt64(64 - above - length), length)
    }
    raw.finish(into: &column)
  }

  /// - Throws: where these are not exactly the bytes of so many.
  static func decode(_ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Double]) throws(ChunkFault) {
    // A value takes at least a bit: more of them than that would be made up.
    guard count <= bytes.count * 8 else { throw .structure }
    var raw = unsafe BitReader(bytes)
    var last = raw.getLong(64)
    values.append(Double(bitPattern: last))
    var (above, length) = (0, 0)
    for _ in 1..<max(1, count) {
      if raw.get(1) == 1 {
        if raw.get(1) == 1 {
          above = Int(raw.get(6))
          length = Int(raw.get(6)) + 1
        }
        guard length > 0, above + length <= 64 else { throw .structure }
        last ^= raw.getLong(length) << UInt64(64 - above - length)
      }
      values.append(Double(bitPattern: last))
    }
    guard raw.isWithin, raw.at == 0 else { throw .structure }
    guard values.allSatisfy(\.isFinite) else { throw .value }
  }
}
