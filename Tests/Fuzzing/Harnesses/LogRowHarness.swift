package import Readings
package import SeriesStore
import TestSupport

/// Rows of the log: each is read as a batch that encodes to a row of the same content, or refused. The checksum is made to fit: it
/// keeps accidents out, and nothing behind it may depend on that.
final class LogRowHarness: Harness {
  static let name = "logrow"

  private var batch = LogBatch()

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    var row = Array(input)
    // What is left of a row in quarantine.
    if row == [0] { return "read" }
    guard row.count >= 5 else {
      try promise(content(of: row) == nil, "a row of \(row.count) bytes is read")
      return "refused"
    }
    let sum = CRC32.of([1, 0, 0, 0, 0, 0, 0, 0] + row[5...])
    for i in 0..<4 { row[1 + i] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(i))) }
    guard let found = content(of: row) else { return "refused" }
    let again = encode(found)
    // Longer where a number was written in more bytes than it needs, an object without readings, or two of one time.
    try promise(again.count <= row.count, "a row of \(row.count) bytes is written in \(again.count)")
    try promise(content(of: again) == found, "written again, it reads as something else")
    try promise(encode(found) == again, "written twice, it is another row")
    row[1] ^= 1
    try promise(content(of: row) == nil, "a wrong checksum is read")
    row[1] ^= 1
    return again == row ? "encoded" : "read"
  }

  private func content(of row: [UInt8]) -> BatchContent? {
    var content = BatchContent()
    return row.withUnsafeBytes { bytes in
      do throws(LogRow.Fault) {
        try LogRow.read(bytes, number: 1, into: &content)
        return content
      } catch { return nil }
    }
  }

  private func encode(_ content: BatchContent) -> [UInt8] {
    batch.removeAll()
    var ts: Int64?
    for entry in content.entries {
      switch entry {
      case .input(let kind, let at):
        batch.input(kind, at: Timestamp(milliseconds: at))
        ts = nil
      case .command(let json, _): batch.command(json)
      case .reading(let series, let own, let bits, let quality):
        if own != ts { batch.object(ts: Timestamp(milliseconds: own)) }
        ts = own
        batch.reading(
          Reading(
            series: SeriesID(series), ts: Timestamp(milliseconds: own), value: Double(bitPattern: bits), quality: Quality(byte: quality)))
      }
    }
    for message in content.unnamed { batch.unnamedMessage(packet: message.packet, hash: message.hash) }
    return Array(batch.encode(number: 1))
  }
}

/// What a batch was told, and what a visitor was: compared after a round trip.
package struct BatchContent: Equatable, LogVisitor {
  package enum Entry: Equatable {
    case input(InputKind, Int64)
    case command([UInt8], Int64)
    case reading(UInt32, Int64, UInt64, UInt8)
  }

  package struct Unnamed: Equatable {
    package var packet: UInt16
    package var hash: UInt64
  }

  package var entries: [Entry] = []
  package var unnamed: [Unnamed] = []

  package init() {}

  package mutating func input(_ kind: InputKind, at: Timestamp) { entries.append(.input(kind, at.milliseconds)) }
  package mutating func command(_ json: [UInt8], at: Timestamp) { entries.append(.command(json, at.milliseconds)) }
  package mutating func reading(_ reading: Reading) {
    entries.append(.reading(reading.series.index, reading.ts.milliseconds, reading.value.bitPattern, reading.quality.byte))
  }
  package mutating func unnamedMessage(packet: UInt16, hash: UInt64) { unnamed.append(Unnamed(packet: packet, hash: hash)) }
}
