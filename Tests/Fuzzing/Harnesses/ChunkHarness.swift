import Foundation
import Readings
import SeriesStore

/// Columns of chunks, and rows of them. The first byte says what the rest is: the bytes of a column or a row, which are read, or values,
/// which are written and read again.
final class ChunkHarness: Harness {
  static let name = "chunk"

  private var encoder = ValueEncoder()
  private var decoder = ValueDecoder()
  private var integers = IntegerEncoder()
  private var rowEncoder = ChunkRowEncoder()
  private var rowDecoder = ChunkRowDecoder()

  init() {}

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let kind = input.first, input.count > 3 else { return "refused" }
    let rest = UnsafeRawBufferPointer(rebasing: input[3...])
    let count = (Int(input[1]) | Int(input[2]) << 8) % 2048 + 1
    switch kind {
    case 0: return try readValues(rest, count)
    case 1: return try readIntegers(rest, count)
    case 2: return try write(values(of: rest))
    case 4: return try readRow(Array(rest))
    default: return try writeIntegers(of: rest)
    }
  }

  private func readValues(_ bytes: UnsafeRawBufferPointer, _ count: Int) throws -> String {
    var chunk = ValueColumn()
    do throws(ChunkFault) { try decoder.decode(bytes, count: count, into: &chunk) } catch { return "refused" }
    try promise(chunk.values.count == count && chunk.qualities.count == count, "read \(chunk.values.count) of \(count) values")
    try promise(!chunk.values.contains { $0.isInfinite }, "an infinite value")
    try roundTrip(chunk)
    return "read"
  }

  private func readIntegers(_ bytes: UnsafeRawBufferPointer, _ count: Int) throws -> String {
    var values: [Int64] = []
    do throws(ChunkFault) { try IntegerDecoder.decode(bytes, count: count, into: &values) } catch { return "refused" }
    try promise(values.count == count, "read \(values.count) of \(count) numbers")
    try roundTrip(values)
    return "read"
  }

  /// A row with a checksum that is right: what it says is read again when it is written again.
  private func readRow(_ bytes: [UInt8]) throws -> String {
    let row = ChunkRow.sealed(bytes, number: 3)
    let chunks: [(series: SeriesID, chunk: SeriesChunk)]
    do { chunks = try readAll(row) } catch is ChunkFault { return "refused" }
    if chunks.isEmpty { return "read" }
    for (series, chunk) in chunks { rowEncoder.append(series, chunk) }
    let again = try readAll(Array(rowEncoder.finish(number: 3)))
    try promise(again.map(\.series) == chunks.map(\.series), "other series")
    for (one, other) in zip(again, chunks) {
      try promise(one.chunk.times == other.chunk.times && one.chunk.column.qualities == other.chunk.column.qualities, "other readings")
    }
    return "read"
  }

  private func readAll(_ row: [UInt8]) throws -> [(series: SeriesID, chunk: SeriesChunk)] {
    try row.withUnsafeBytes { bytes in
      try rowDecoder.open(bytes, number: 3)
      var chunks: [(series: SeriesID, chunk: SeriesChunk)] = []
      for series in rowDecoder.series {
        var chunk = SeriesChunk()
        try rowDecoder.read(series, from: bytes, into: &chunk)
        chunks.append((series, chunk))
      }
      return chunks
    }
  }

  /// Ten bytes each: a status, a number of decimals or none, and eight of the value.
  private func values(of bytes: UnsafeRawBufferPointer) -> ValueColumn {
    var chunk = ValueColumn()
    for at in stride(from: 0, to: bytes.count - 9, by: 10) {
      let bits = bytes.loadUnaligned(fromByteOffset: at + 2, as: UInt64.self)
      let decimals = Int(bytes[at + 1] % 16)
      let scaled = Double(Int64(bitPattern: bits) >> 20) / pow(10, Double(decimals))
      let value = decimals < 12 ? scaled : Double(bitPattern: bits)
      chunk.values.append(value.isFinite ? value : .nan)
      chunk.qualities.append(bytes[at] % 101)
    }
    return chunk
  }

  private func write(_ chunk: ValueColumn) throws -> String {
    if chunk.values.isEmpty { return "refused" }
    try roundTrip(chunk)
    return "written"
  }

  private func writeIntegers(of bytes: UnsafeRawBufferPointer) throws -> String {
    let values = stride(from: 0, to: bytes.count - 7, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: Int64.self) }
    if values.isEmpty { return "refused" }
    try roundTrip(values)
    return "written"
  }

  private func roundTrip(_ chunk: ValueColumn) throws {
    var again = ValueColumn()
    let bytes = encoder.encode(chunk)
    do throws(ChunkFault) { try decoder.decode(bytes, count: chunk.values.count, into: &again) } catch {
      throw Violation("what was written cannot be read: \(error), \(Array(bytes))")
    }
    try promise(again.qualities == chunk.qualities, "other statuses")
    for (value, was) in zip(again.values, chunk.values) {
      try promise(value.bitPattern == was.bitPattern || value.isNaN && was.isNaN, "\(value) where \(was) was written")
    }
  }

  private func roundTrip(_ values: [Int64]) throws {
    var again: [Int64] = []
    let bytes = integers.encode(values)
    do throws(ChunkFault) { try IntegerDecoder.decode(bytes, count: values.count, into: &again) } catch {
      throw Violation("what was written cannot be read: \(error), \(Array(bytes))")
    }
    try promise(again == values, "other numbers")
  }
}
