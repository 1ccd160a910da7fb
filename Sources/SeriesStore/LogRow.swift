import Database
package import Readings

// A log row, format 1: one committed batch, as columns. u = LEB128, z = zig-zag LEB128, fixed widths little endian.
//
//   +----------+---------+----------------------------------------------------------------+
//   | 1 byte   | format  | 1                                                              |
//   | 4 bytes  | crc     | CRC-32 (zlib's) of the row's number as 8 bytes, then all below |
//   +----------+---------+----------------------------------------------------------------+
//   | inputs   | u n     | then n kinds (1 byte each), then n instants: z, each the       |
//   |          |         | difference to the one before (the first: to 0)                 |
//   | commands | u n     | then n times: u length, the command's JSON (one a command      |
//   |          |         | input, in order)                                               |
//   | objects  | u n     | message objects of which something was stored: n times         |
//   |          |         | u input (difference to the one before), z ts - input's         |
//   |          |         | instant, u readings                                            |
//   | readings | u n     | then n series: z, each the difference to the one before;       |
//   |          |         | n qualities (1 byte each); n values (8 bytes each, IEEE 754;   |
//   |          |         | NaN where nothing was measured)                                |
//   | unnamed  | u n     | messages that had no ts, in order: n times 2 bytes packet id,  |
//   |          |         | 8 bytes content hash                                           |
//   +----------+---------+----------------------------------------------------------------+
//
// Format 0 is one byte long: the row was taken out because reading it crashed the process; it holds nothing.

/// What an input of a batch was.
package enum InputKind: UInt8, Sendable { case message = 0, clock = 1, intakeDown = 2, intakeUp = 3, command = 4 }

/// Gathers a batch while the engine steps, and writes it as one log row.
package struct LogBatch: ~Copyable {
  package static let format: UInt8 = 1
  static let headerBytes = 5

  private var kinds = ByteColumn()
  private var instants = ByteColumn()
  private var commands = ByteColumn()
  private var objects = ByteColumn()
  private var series = ByteColumn()
  private var qualities = ByteColumn()
  private var values = ByteColumn(capacity: 32_768)
  private var unnamed = ByteColumn()
  private var row = ByteColumn(capacity: 65_536)

  package private(set) var inputCount = 0
  package private(set) var readingCount = 0
  private var commandCount = 0
  private var objectCount = 0
  private var unnamedCount = 0
  private var lastInstant: Int64 = 0
  private var lastObjectInput = 0
  private var lastSeries: Int64 = 0
  private var openObject: (ts: Int64, readings: Int)?

  package init() {}

  package var isEmpty: Bool { inputCount == 0 }

  package mutating func input(_ kind: InputKind, at: Timestamp) {
    closeObject()
    kinds.append(kind.rawValue)
    instants.append(signed: at.milliseconds &- lastInstant)
    lastInstant = at.milliseconds
    inputCount += 1
  }

  /// The bytes of the command input that was just begun.
  package mutating func command(_ json: [UInt8]) {
    commands.append(unsigned: UInt64(json.count))
    unsafe json.withUnsafeBytes { unsafe commands.append(bytes: $0) }
    commandCount += 1
  }

  /// The readings that follow belong to an object of that ts of the last input.
  package mutating func object(ts: Timestamp) {
    closeObject()
    openObject = (ts.milliseconds, 0)
  }

  package mutating func reading(_ reading: Reading) {
    openObject?.readings += 1
    let id = Int64(reading.series.index)
    series.append(signed: id - lastSeries)
    lastSeries = id
    qualities.append(reading.quality.byte)
    values.append(fixed: reading.value.bitPattern)
    readingCount += 1
  }

  /// The last message had no ts: what it is known by if it comes again.
  package mutating func unnamedMessage(packet: UInt16, hash: UInt64) {
    unnamed.append(fixed: packet)
    unnamed.append(fixed: hash)
    unnamedCount += 1
  }

  /// The broker sends none of the messages so far again.
  package mutating func forgetUnnamedMessages() {
    unnamed.removeAll()
    unnamedCount = 0
  }

  private mutating func closeObject() {
    guard let object = openObject else { return }
    openObject = nil
    guard object.readings > 0 else { return }
    let input = inputCount - 1
    objects.append(unsigned: UInt64(input - lastObjectInput))
    lastObjectInput = input
    objects.append(signed: object.ts &- lastInstant)
    objects.append(unsigned: UInt64(object.readings))
    objectCount += 1
  }

  /// Writes the row with that number. The bytes are valid until the next call.
  package mutating func encode(number: Int64) -> UnsafeRawBufferPointer {
    closeObject()
    row.removeAll()
    row.append(Self.format)
    row.append(fixed: UInt32(0))
    row.append(unsigned: UInt64(inputCount))
    row.append(kinds)
    row.append(instants)
    row.append(unsigned: UInt64(commandCount))
    row.append(commands)
    row.append(unsigned: UInt64(objectCount))
    row.append(objects)
    row.append(unsigned: UInt64(readingCount))
    row.append(series)
    row.append(qualities)
    row.append(values)
    row.append(unsigned: UInt64(unnamedCount))
    row.append(unnamed)
    unsafe row.set(LogRow.checksum(number: number, row.bytes), at: 1)
    return unsafe row.bytes
  }

  /// Begins the next batch; the memory stays.
  package mutating func removeAll() {
    kinds.removeAll()
    instants.removeAll()
    commands.removeAll()
    objects.removeAll()
    series.removeAll()
    qualities.removeAll()
    values.removeAll()
    unnamed.removeAll()
    (inputCount, readingCount, commandCount, objectCount, unnamedCount) = (0, 0, 0, 0, 0)
    (lastInstant, lastObjectInput, lastSeries, openObject) = (0, 0, 0, nil)
  }
}

/// Reads log rows back.
package enum LogRow {
  /// What stands in the place of a row that was taken out.
  package static let takenOut: [UInt8] = [0]

  /// Why a row is not what was written.
  package enum Fault: Error, Sendable { case format, checksum, structure }

  static func checksum(number: Int64, _ row: UnsafeRawBufferPointer) -> UInt32 {
    // Safe: behind the header, within the row's count.
    unsafe Checksum.crc32(of: UnsafeRawBufferPointer(rebasing: row[LogBatch.headerBytes...]), after: Checksum.crc32(of: number))
  }

  /// Calls `visitor` with everything the row holds, in the order of its inputs.
  package static func read(_ row: UnsafeRawBufferPointer, number: Int64, into visitor: inout some LogVisitor) throws(Fault) {
    var scan = unsafe ByteScanner(row)
    guard let format = scan.byte() else { throw .format }
    if format == takenOut[0], row.count == 1 { return visitor.takenOut(row: number) }
    guard format == LogBatch.format else { throw .format }
    guard let stored = scan.fixed(UInt32.self) else { throw .structure }
    guard unsafe stored == checksum(number: number, row) else { throw .checksum }
    guard let inputs = scan.count(least: 2), let kinds = unsafe scan.take(inputs) else { throw .structure }
    var instants = scan
    for _ in 0..<inputs { guard scan.signed() != nil else { throw .structure } }
    guard let commandCount = scan.count(least: 1) else { throw .structure }
    var commands = scan
    for _ in 0..<commandCount { guard let n = scan.count(least: 1), unsafe scan.take(n) != nil else { throw .structure } }
    guard let objectCount = scan.count(least: 3) else { throw .structure }
    var objects = scan
    for _ in 0..<(objectCount * 3) { guard scan.unsigned() != nil else { throw .structure } }
    guard let readingCount = scan.count(least: 10) else { throw .structure }
    var series = scan
    for _ in 0..<readingCount { guard scan.signed() != nil else { throw .structure } }
    guard var qualities = unsafe scan.take(readingCount).map({ unsafe ByteScanner($0) }),
      var values = unsafe scan.take(readingCount * 8).map({ unsafe ByteScanner($0) }),
      let unnamedCount = scan.count(least: 10)
    else { throw .structure }

    var instant: Int64 = 0
    var nextObject = objectCount > 0 ? Int(truncatingIfNeeded: objects.unsigned() ?? 0) : -1
    var (objectsLeft, commandsLeft, readingsLeft) = (objectCount, commandCount, readingCount)
    var seriesIndex: Int64 = 0
    for input in 0..<inputs {
      instant &+= instants.signed() ?? 0
      guard let kind = unsafe InputKind(rawValue: kinds[input]) else { throw .structure }
      let at = Timestamp(milliseconds: instant)
      visitor.input(kind, at: at)
      if kind == .command {
        guard commandsLeft > 0, let n = commands.count(least: 1), let json = unsafe commands.take(n) else { throw .structure }
        commandsLeft -= 1
        unsafe visitor.command(Array(json), at: at)
      }
      while nextObject == input, objectsLeft > 0 {
        let ts = Timestamp(milliseconds: instant &+ (objects.signed() ?? 0))
        for _ in 0..<(objects.unsigned() ?? 0) {
          guard let delta = series.signed(), let quality = qualities.byte(), let bits = values.fixed(UInt64.self) else { throw .structure }
          readingsLeft -= 1
          seriesIndex &+= delta
          guard let id = UInt32(exactly: seriesIndex) else { throw .structure }
          visitor.reading(Reading(series: SeriesID(id), ts: ts, value: Double(bitPattern: bits), quality: Quality(byte: quality)))
        }
        objectsLeft -= 1
        if objectsLeft > 0 { nextObject &+= Int(truncatingIfNeeded: objects.unsigned() ?? 0) }
      }
    }
    // What no input claims would be lost without a word.
    guard objectsLeft == 0, commandsLeft == 0, readingsLeft == 0 else { throw .structure }
    for _ in 0..<unnamedCount {
      guard let packet = scan.fixed(UInt16.self), let hash = scan.fixed(UInt64.self) else { throw .structure }
      visitor.unnamedMessage(packet: packet, hash: hash)
    }
    guard scan.remaining == 0 else { throw .structure }
  }
}

/// Receives what a log row holds.
package protocol LogVisitor {
  /// What follows is that row's.
  mutating func begins(row: Int64)
  mutating func input(_ kind: InputKind, at: Timestamp)
  mutating func command(_ json: [UInt8], at: Timestamp)
  mutating func reading(_ reading: Reading)
  mutating func unnamedMessage(packet: UInt16, hash: UInt64)
  /// What the row of that number held is in quarantine.
  mutating func takenOut(row: Int64)
}

extension LogVisitor {
  package mutating func begins(row: Int64) {}
  package mutating func input(_ kind: InputKind, at: Timestamp) {}
  package mutating func command(_ json: [UInt8], at: Timestamp) {}
  package mutating func unnamedMessage(packet: UInt16, hash: UInt64) {}
  package mutating func takenOut(row: Int64) {}
}
