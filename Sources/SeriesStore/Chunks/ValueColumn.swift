// The values of a series, whose count n their reader knows. u = LEB128.
//
//   +-----------+-----------+-------------------------------------------------------------+
//   | 1 byte    | form      | bits 0–3: decimals, 0 to 9, or 15 for doubles; bit 4: there |
//   |           |           | are statuses; bit 5: there are exceptions; bit 6: zeros     |
//   |           |           | have signs; bit 7 is 0                                      |
//   | u runs    | statuses  | then for each run: u length, 1 byte status. They cover all  |
//   |           |           | n. Where there are none, all are 00                         |
//   | u count   | exceptions| then for each: u 2 × (places since the last one, or the     |
//   |           |           | begin) + 1 and 8 bytes IEEE 754, or u 2 × (as before) and   |
//   |           |           | u length for so many places without a value                 |
//   +-----------+-----------+-------------------------------------------------------------+
//   | u zeros   | signs     | how many of the numbers are 0, then a bit for each, low     |
//   |           |           | ones first, set for −0; in whole bytes                      |
//   | to the end| numbers   | a column of integers: value × 10^decimals; or of doubles.   |
//   |           |           | At an exception stands what stood before it                 |
//   +-----------+-----------+-------------------------------------------------------------+

import Readings

/// The values and statuses of one series over a span.
package struct ValueColumn: Hashable, Sendable {
  /// NaN where nothing was measured.
  package var values: [Double] = []
  package var qualities: [UInt8] = []

  package init() {}
  package init(values: [Double], qualities: [UInt8]) { (self.values, self.qualities) = (values, qualities) }

  /// Of ten, by decimals: exact doubles.
  fileprivate static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
  fileprivate static let doubles: UInt8 = 15
  fileprivate static let hasStatuses: UInt8 = 0x10
  fileprivate static let hasExceptions: UInt8 = 0x20
  fileprivate static let hasSigns: UInt8 = 0x40
}

/// Writes columns of values, lossless for every double but NaN (nothing was measured) and the infinities (refused at the door). Keeps its
/// memory from one to the next.
package struct ValueEncoder: ~Copyable {
  /// Beyond it neighbouring doubles are too far apart for a decimal place to be sure of.
  private static let integerMax = 0x1p51
  /// Bytes of a value that stands by itself.
  private static let exceptionBytes = 9.0
  /// Bytes that one more decimal costs a value: the logarithm of ten to base 2, in eighths.
  private static let decimalBytes = 0.4153

  private var integers = IntegerEncoder()
  private var numbers: [Int64] = []
  private var column = ByteColumn()

  package init() {}

  /// - Returns: the column's bytes, valid until the next call.
  package mutating func encode(_ chunk: ValueColumn) -> UnsafeRawBufferPointer {
    precondition(!chunk.values.isEmpty && chunk.values.count == chunk.qualities.count, "a column has a status for each value")
    precondition(chunk.values.count <= ANS.countMax, "no more values than a column's readers take")
    precondition(!chunk.values.contains { $0.isInfinite }, "an infinite value is refused before it is stored")
    precondition(chunk.qualities.allSatisfy { Quality(byte: $0).isValid }, "a status is one before it is stored")
    column.removeAll()
    let decimals = Self.decimals(chunk.values)
    var form = decimals.map { UInt8($0) } ?? ValueColumn.doubles
    if chunk.qualities.contains(where: { $0 != 0 }) { form |= ValueColumn.hasStatuses }
    let exceptions = exceptions(chunk.values, decimals)
    if exceptions > 0 { form |= ValueColumn.hasExceptions }
    let hasSigns = decimals != nil && chunk.values.contains { $0 == 0 && $0.sign == .minus }
    if hasSigns { form |= ValueColumn.hasSigns }
    column.append(form)
    if form & ValueColumn.hasStatuses != 0 { appendStatuses(chunk.qualities) }
    if exceptions > 0 { appendExceptions(chunk.values, decimals, exceptions) }
    if hasSigns { appendSigns(chunk.values) }
    if decimals != nil { integers.encode(numbers, into: &column) } else { DoubleColumn.encode(chunk.values, into: &column) }
    return unsafe column.bytes
  }

  // MARK: Decimals

  /// The value in units of 10^-decimals; nil where that is not exactly it, but for the sign of a zero.
  @inline(__always) private static func integer(_ value: Double, _ decimals: Int) -> Int64? {
    let scaled = (value * ValueColumn.powers[decimals]).rounded()
    guard abs(scaled) < integerMax else { return nil }
    let number = Int64(scaled)
    return Double(number) / ValueColumn.powers[decimals] == value ? number : nil
  }

  /// The decimals that make the column the shortest; nil where doubles do.
  private static func decimals(_ values: [Double]) -> Int? {
    var (most, odd, measured) = (0, 0, 0)
    for value in values where !value.isNaN {
      measured += 1
      var needed = most
      while needed < ValueColumn.powers.count, integer(value, needed) == nil { needed += 1 }
      if needed == ValueColumn.powers.count { odd += 1 } else { most = needed }
    }
    if odd * 8 > measured { return nil }
    // A few values of many decimals had better stand by themselves.
    for fewer in 0..<most {
      let worth = Int(Double((most - fewer) * measured) * decimalBytes / exceptionBytes)
      if hasAtMost(worth, of: values, beyond: fewer) { return fewer }
    }
    return most
  }

  private static func hasAtMost(_ most: Int, of values: [Double], beyond decimals: Int) -> Bool {
    var count = 0
    for value in values where !value.isNaN && integer(value, decimals) == nil {
      count += 1
      if count > most { return false }
    }
    return true
  }

  // MARK: Parts

  /// Fills `numbers`. Returns how many exceptions there are: values by themselves, and runs without one.
  private mutating func exceptions(_ values: [Double], _ decimals: Int?) -> Int {
    numbers.removeAll(keepingCapacity: true)
    var (count, last, wasAbsent) = (0, Int64(0), false)
    for value in values {
      if value.isNaN {
        if !wasAbsent { count += 1 }
      } else if let decimals {
        if let number = Self.integer(value, decimals) { last = number } else { count += 1 }
      }
      wasAbsent = value.isNaN
      if decimals != nil { numbers.append(last) }
    }
    return count
  }

  private mutating func appendStatuses(_ qualities: [UInt8]) {
    var runs: [(length: Int, status: UInt8)] = []
    for status in qualities {
      if let last = runs.last, last.status == status { runs[runs.count - 1].length += 1 } else { runs.append((1, status)) }
    }
    column.append(unsigned: UInt64(runs.count))
    for run in runs {
      column.append(unsigned: UInt64(run.length))
      column.append(run.status)
    }
  }

  private mutating func appendExceptions(_ values: [Double], _ decimals: Int?, _ count: Int) {
    column.append(unsigned: UInt64(count))
    var (place, end) = (0, 0)
    while place < values.count {
      let value = values[place]
      if value.isNaN {
        column.append(unsigned: UInt64(place - end) << 1)
        var length = 1
        while place + length < values.count, values[place + length].isNaN { length += 1 }
        column.append(unsigned: UInt64(length))
        place += length
        end = place
      } else {
        if let decimals, Self.integer(value, decimals) == nil {
          column.append(unsigned: UInt64(place - end) << 1 | 1)
          column.append(fixed: value.bitPattern)
          end = place + 1
        }
        place += 1
      }
    }
  }
}

extension ValueEncoder {
  private mutating func appendSigns(_ values: [Double]) {
    let zeros = numbers.indices.filter { numbers[$0] == 0 }
    column.append(unsigned: UInt64(zeros.count))
    for start in stride(from: 0, to: zeros.count, by: 8) {
      var byte: UInt8 = 0
      for (bit, place) in zeros[start..<min(zeros.count, start + 8)].enumerated() where values[place].sign == .minus && values[place] == 0 {
        byte |= 1 << UInt8(bit)
      }
      column.append(byte)
    }
  }
}

/// Reads columns of values. Keeps its memory from one to the next.
package struct ValueDecoder: ~Copyable {
  private var numbers: [Int64] = []

  package init() {}

  /// - Parameters:
  ///   - bytes: exactly a column's.
  ///   - count: how many values it has, one or more.
  ///   - chunk: gets them in place of what it holds.
  /// - Throws: `ChunkFault` where these are not the bytes of a column of so many values; then `chunk` holds nothing of use.
  package mutating func decode(_ bytes: UnsafeRawBufferPointer, count: Int, into chunk: inout ValueColumn) throws(ChunkFault) {
    precondition(count > 0, "a column has values")
    guard count <= ANS.countMax else { throw .structure }
    chunk.values.removeAll(keepingCapacity: true)
    chunk.qualities.removeAll(keepingCapacity: true)
    var scan = unsafe ByteScanner(bytes)
    guard let form = scan.byte(), form >> 7 == 0 else { throw .structure }
    if form & ValueColumn.hasStatuses != 0 {
      try Self.statuses(&scan, count, into: &chunk.qualities)
    } else {
      for _ in 0..<count { chunk.qualities.append(0) }
    }
    var exceptions = scan
    if form & ValueColumn.hasExceptions != 0 { try Self.exceptions(&scan, count) { _, _, _ in } }
    let signs = form & ValueColumn.hasSigns == 0 ? nil : try Self.signs(&scan)
    guard let rest = unsafe scan.take(scan.remaining) else { throw .structure }
    switch form & 15 {
    case ValueColumn.doubles:
      guard signs == nil else { throw .structure }
      try unsafe DoubleColumn.decode(rest, count: count, into: &chunk.values)
    case let decimals where decimals < ValueColumn.powers.count:
      try unsafe IntegerDecoder.decode(rest, count: count, into: &numbers)
      let power = ValueColumn.powers[Int(decimals)]
      for number in numbers { chunk.values.append(Double(number) / power) }
      if let signs { try Self.give(signs, to: &chunk.values, where: numbers) }
    default: throw .structure
    }
    if form & ValueColumn.hasExceptions != 0 {
      try Self.exceptions(&exceptions, count) { place, length, value in
        for place in place..<place + length { chunk.values[place] = value }
      }
    }
  }

  private static func statuses(_ scan: inout ByteScanner, _ count: Int, into qualities: inout [UInt8]) throws(ChunkFault) {
    guard let runs = scan.count(least: 2) else { throw .structure }
    for _ in 0..<runs {
      guard let length = scan.unsigned(), length >= 1, length <= UInt64(count - qualities.count), let status = scan.byte() else {
        throw .structure
      }
      guard Quality(byte: status).isValid else { throw .value }
      for _ in 0..<length { qualities.append(status) }
    }
    guard qualities.count == count else { throw .structure }
  }

  /// How many zeros there are, and the bytes of their signs.
  private static func signs(_ scan: inout ByteScanner) throws(ChunkFault) -> (zeros: UInt64, bytes: ByteScanner) {
    guard let zeros = scan.unsigned(), zeros <= UInt64(scan.remaining) * 8, let bytes = unsafe scan.take(Int((zeros + 7) / 8)) else {
      throw .structure
    }
    return (zeros, unsafe ByteScanner(bytes))
  }

  private static func give(
    _ signs: (zeros: UInt64, bytes: ByteScanner), to values: inout [Double], where numbers: [Int64]
  ) throws(ChunkFault) {
    var (left, bytes, bits) = (signs.zeros, signs.bytes, UInt8(0))
    for place in numbers.indices where numbers[place] == 0 {
      guard left > 0 else { throw .structure }
      if (signs.zeros - left) & 7 == 0 { bits = bytes.byte() ?? 0 }
      if bits & 1 == 1 { values[place] = -0.0 }
      bits >>= 1
      left -= 1
    }
    guard left == 0, bits == 0 else { throw .structure }
  }

  /// Calls `take` with the place, the length and the value (NaN for none) of each.
  private static func exceptions(
    _ scan: inout ByteScanner, _ count: Int, _ take: (Int, Int, Double) -> Void
  ) throws(ChunkFault) {
    guard let exceptions = scan.count(least: 2) else { throw .structure }
    var end = 0
    for _ in 0..<exceptions {
      guard let head = scan.unsigned(), head >> 1 < UInt64(count - end) else { throw .structure }
      let place = end + Int(head >> 1)
      if head & 1 == 1 {
        guard let bits = scan.fixed(UInt64.self) else { throw .structure }
        guard Double(bitPattern: bits).isFinite else { throw .value }
        take(place, 1, Double(bitPattern: bits))
        end = place + 1
      } else {
        guard let length = scan.unsigned(), length >= 1, length <= UInt64(count - place) else { throw .structure }
        take(place, Int(length), .nan)
        end = place + Int(length)
      }
    }
  }
}
