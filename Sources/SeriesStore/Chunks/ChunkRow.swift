// A row of chunks: what the series of one ring have over one span, or a part of it, as a row of the table `chunk`. u = LEB128, z = zig-zag LEB128, fixed
// widths little endian.
//
//   +---------+-----------+-------------------------------------------------------------------+
//   | 1 byte  | format    | 1                                                                 |
//   | 4 bytes | crc       | CRC-32 (zlib's) of the row's number as 8 bytes, then all below    |
//   +---------+-----------+-------------------------------------------------------------------+
//   | u n     | times     | then n times u readings (one or more), u bytes: columns of times  |
//   | u n     | series    | then n times z the series' number (difference to the one before), |
//   |         |           | u which of the columns of times, u bytes of its column of values. |
//   |         |           | Numbers rise; one that comes again goes on after its last ts      |
//   +---------+-----------+-------------------------------------------------------------------+
//   | to the  | columns   | those of times (IntegerColumn), then those of values              |
//   | end     |           | (ValueColumn), in the order above                                 |
//   +---------+-----------+-------------------------------------------------------------------+
//
// The metrics of a device, and devices that keep step, have one column of times in common.

import Database
package import Readings

package enum ChunkRow {
  package static let format: UInt8 = 1
  static let headerBytes = 5
  /// Readings in one column of a row: a series with more has several.
  static let columnMax = 32_768

  static func checksum(number: Int64, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    // Safe: behind the header, within the row's count; a shorter row has no crc, and is refused before it is asked for.
    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[headerBytes...])
    return unsafe Checksum.crc32(of: rest, after: Checksum.crc32(of: number))
  }
}

extension ChunkRow {
  /// The bytes with the checksum that they should have. For tests.
  package static func sealed(_ bytes: [UInt8], number: Int64) -> [UInt8] {
    guard bytes.count >= headerBytes else { return bytes }
    let crc = unsafe bytes.withUnsafeBytes { unsafe checksum(number: number, $0) }
    return [bytes[0]] + (0..<4).map { UInt8(truncatingIfNeeded: crc >> (8 * $0)) } + bytes[headerBytes...]
  }
}

/// Writes rows of chunks. Keeps its memory from one to the next.
package struct ChunkRowEncoder: ~Copyable {
  private var values = ValueEncoder()
  private var integers = IntegerEncoder()
  private var timeDirectory = ByteColumn()
  private var seriesDirectory = ByteColumn()
  private var timeColumns = ByteColumn()
  private var valueColumns = ByteColumn()
  private var row = ByteColumn()
  private var timeCount = 0
  private var seriesCount = 0
  private var lastSeries: Int64 = 0
  /// The columns of times so far, by hash.
  private var timesKnown: [UInt64: [(times: [Int64], place: Int)]] = [:]

  package init() {}

  package var isEmpty: Bool { seriesCount == 0 }

  /// - Parameter chunk: one reading or more; series come in the order of their numbers, each once.
  package mutating func append(_ series: SeriesID, _ chunk: SeriesChunk) {
    precondition(chunk.count > 0 && chunk.count == chunk.column.values.count, "a chunk has a ts for each value")
    precondition(seriesCount == 0 || Int64(series.index) > lastSeries, "series come in order")
    if chunk.count <= ChunkRow.columnMax { return appendColumn(series, chunk) }
    for start in stride(from: 0, to: chunk.count, by: ChunkRow.columnMax) {
      let part = start..<min(chunk.count, start + ChunkRow.columnMax)
      let column = ValueColumn(values: Array(chunk.column.values[part]), qualities: Array(chunk.column.qualities[part]))
      appendColumn(series, SeriesChunk(times: Array(chunk.times[part]), column: column))
    }
  }

  private mutating func appendColumn(_ series: SeriesID, _ chunk: SeriesChunk) {
    let times = place(of: chunk.times)
    seriesDirectory.append(signed: Int64(series.index) - lastSeries)
    lastSeries = Int64(series.index)
    seriesDirectory.append(unsigned: UInt64(times))
    let bytes = unsafe values.encode(chunk.column)
    seriesDirectory.append(unsigned: UInt64(bytes.count))
    unsafe valueColumns.append(bytes: bytes)
    seriesCount += 1
  }

  private mutating func place(of times: [Int64]) -> Int {
    let hash = unsafe times.withUnsafeBytes { unsafe ByteHash.of($0) }
    if let known = timesKnown[hash]?.first(where: { $0.times == times }) { return known.place }
    let bytes = unsafe integers.encode(times)
    timeDirectory.append(unsigned: UInt64(times.count))
    timeDirectory.append(unsigned: UInt64(bytes.count))
    unsafe timeColumns.append(bytes: bytes)
    timesKnown[hash, default: []].append((times, timeCount))
    timeCount += 1
    return timeCount - 1
  }

  /// Writes the row of that number, and begins the next one. The bytes are valid until the next call.
  package mutating func finish(number: Int64) -> UnsafeRawBufferPointer {
    precondition(!isEmpty, "a row holds readings")
    row.removeAll()
    row.append(ChunkRow.format)
    row.append(fixed: UInt32(0))
    row.append(unsigned: UInt64(timeCount))
    row.append(timeDirectory)
    row.append(unsigned: UInt64(seriesCount))
    row.append(seriesDirectory)
    row.append(timeColumns)
    row.append(valueColumns)
    unsafe row.set(ChunkRow.checksum(number: number, row.bytes), at: 1)
    removeAll()
    return unsafe row.bytes
  }

  private mutating func removeAll() {
    timeDirectory.removeAll()
    seriesDirectory.removeAll()
    timeColumns.removeAll()
    valueColumns.removeAll()
    timesKnown.removeAll(keepingCapacity: true)
    (timeCount, seriesCount, lastSeries) = (0, 0, 0)
  }
}

/// Reads rows of chunks: the directory first, then the series that are asked for. Keeps its memory from one row to the next.
package struct ChunkRowDecoder: ~Copyable {
  private struct Column {
    var series: UInt32
    var times: Int
    var range: Range<Int>
  }

  private var times: [(count: Int, range: Range<Int>)] = []
  private var columns: [Column] = []
  private var values = ValueDecoder()
  private var part = SeriesChunk()
  /// Which column of times `part` holds: those of a device's metrics are read once.
  private var timesRead = -1

  package init() {}

  /// Reads the directory of a row; those of its series that are asked for next are read from the same bytes.
  ///
  /// - Throws: `ChunkFault` where these are not the bytes of the row of that number.
  package mutating func open(_ bytes: UnsafeRawBufferPointer, number: Int64) throws(ChunkFault) {
    times.removeAll(keepingCapacity: true)
    columns.removeAll(keepingCapacity: true)
    timesRead = -1
    var scan = unsafe ByteScanner(bytes)
    guard scan.byte() == ChunkRow.format, let crc = scan.fixed(UInt32.self) else { throw .structure }
    guard unsafe crc == ChunkRow.checksum(number: number, bytes) else { throw .checksum }
    guard let timeCount = scan.count(least: 2) else { throw .structure }
    var end = 0
    for _ in 0..<timeCount {
      guard let count = scan.unsigned(), (1...UInt64(ChunkRow.columnMax)).contains(count) else { throw .structure }
      times.append((Int(count), try Self.next(&scan, after: &end)))
    }
    try openSeries(&scan, after: &end)
    guard end == scan.remaining else { throw .structure }
    let start = scan.at
    for place in times.indices { times[place].range = Self.moved(times[place].range, by: start) }
    for place in columns.indices { columns[place].range = Self.moved(columns[place].range, by: start) }
  }

  private mutating func openSeries(_ scan: inout ByteScanner, after end: inout Int) throws(ChunkFault) {
    guard let count = scan.count(least: 3) else { throw .structure }
    var number: Int64 = 0
    for place in 0..<count {
      guard let step = scan.signed(), place == 0 || step >= 0, let id = UInt32(exactly: number &+ step) else { throw .structure }
      number = Int64(id)
      guard let column = scan.unsigned(), column < UInt64(times.count) else { throw .structure }
      columns.append(Column(series: id, times: Int(column), range: try Self.next(&scan, after: &end)))
    }
  }

  private static func next(_ scan: inout ByteScanner, after end: inout Int) throws(ChunkFault) -> Range<Int> {
    guard let length = scan.unsigned(), length <= UInt64(scan.remaining) else { throw .structure }
    defer { end += Int(length) }
    return end..<(end + Int(length))
  }

  private static func moved(_ range: Range<Int>, by start: Int) -> Range<Int> { (range.lowerBound + start)..<(range.upperBound + start) }

  /// The series of the row, in order, each once.
  package var series: [SeriesID] {
    var all: [SeriesID] = []
    for column in columns where all.last?.index != column.series { all.append(SeriesID(column.series)) }
    return all
  }

  /// Appends a series' readings to `chunk`; nothing where the row has none of it.
  ///
  /// - Parameter bytes: those of the row that was opened.
  package mutating func read(_ series: SeriesID, from bytes: UnsafeRawBufferPointer, into chunk: inout SeriesChunk) throws(ChunkFault) {
    var low = 0
    var high = columns.count
    while low < high {
      let middle = (low + high) >> 1
      if columns[middle].series < series.index { low = middle + 1 } else { high = middle }
    }
    while low < columns.count, columns[low].series == series.index {
      try unsafe append(columns[low], from: bytes, to: &chunk)
      low += 1
    }
  }

  private mutating func append(_ column: Column, from bytes: UnsafeRawBufferPointer, to chunk: inout SeriesChunk) throws(ChunkFault) {
    let times = times[column.times]
    if timesRead != column.times {
      timesRead = -1
      // Safe: the ranges were checked to lie within the row's bytes.
      try unsafe IntegerDecoder.decode(UnsafeRawBufferPointer(rebasing: bytes[times.range]), count: times.count, into: &part.times)
      for place in 1..<max(1, times.count) where part.times[place] <= part.times[place - 1] { throw .structure }
      timesRead = column.times
    }
    if let last = chunk.times.last, part.times[0] <= last { throw .structure }
    try unsafe values.decode(UnsafeRawBufferPointer(rebasing: bytes[column.range]), count: times.count, into: &part.column)
    chunk.times += part.times
    chunk.column.values += part.column.values
    chunk.column.qualities += part.column.qualities
  }
}
