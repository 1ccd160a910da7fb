import Database
import Gateway
import Readings
import SeriesStore
import Testing

/// Exports, byte for byte.
@Suite struct ReadingExportTests {
  private typealias Message = RollupTown.Message
  private static let t = RollupTown.start

  /// Sealed and not, in and out of order; faults, calibrations and no values among them.
  private static func town() throws -> RollupTown {
    let town = try RollupTown()
    town.send("minute", [Message(ts: t - 60_000, values: [1500, -250]), Message(ts: t - 120_000, values: [nil, 3], status: "02")], at: t)
    town.send("second", [Message(ts: t - 1000, values: [1_234_567_890, 0], status: "01")], at: t)
    try town.sealAll()
    town.send("minute", [Message(ts: t - 90_000, values: [42_000, nil])], at: t)
    try town.commit()
    return town
  }

  private static func export(_ town: RollupTown, _ format: ReadingFormat, from: Int64? = nil, to: Int64? = nil) throws -> (String, Int) {
    var bytes: [UInt8] = []
    let count = try ReadingExport(directory: town.directory()).run(
      from: from.map(Timestamp.init(milliseconds:)), to: to.map(Timestamp.init(milliseconds:)), format: format
    ) { bytes += $0 }
    return (String(decoding: bytes, as: UTF8.self), count)
  }

  @Test func `CSV has a line that says what stands where, and nothing where nothing was measured`() throws {
    let (text, count) = try Self.export(try Self.town(), .csv)
    #expect(count == 7)
    #expect(
      text == """
        device,metric,ts,value,status
        minute,a,1763683080000,,02
        minute,a,1763683110000,42,00
        minute,a,1763683140000,1.5,00
        minute,b,1763683080000,0.003,02
        minute,b,1763683140000,-0.25,00
        second,a,1763683199000,1234567.89,01
        second,b,1763683199000,0,01

        """)
  }

  @Test func `Line protocol has nanoseconds, and no value where nothing was measured`() throws {
    let (text, _) = try Self.export(try Self.town(), .influx)
    #expect(
      text == """
        reading,device=minute,metric=a status="02" 1763683080000000000
        reading,device=minute,metric=a value=42,status="00" 1763683110000000000
        reading,device=minute,metric=a value=1.5,status="00" 1763683140000000000
        reading,device=minute,metric=b value=0.003,status="02" 1763683080000000000
        reading,device=minute,metric=b value=-0.25,status="00" 1763683140000000000
        reading,device=second,metric=a value=1234567.89,status="01" 1763683199000000000
        reading,device=second,metric=b value=0,status="01" 1763683199000000000

        """)
  }

  @Test func `NDJSON is an object a line, of the range that was asked for`() throws {
    let (text, count) = try Self.export(try Self.town(), .ndjson, from: Self.t - 120_000, to: Self.t - 60_000)
    #expect(count == 3)
    #expect(
      text == """
        {"device":"minute","metric":"a","ts":1763683080000,"value":null,"status":"02"}
        {"device":"minute","metric":"a","ts":1763683110000,"value":42,"status":"00"}
        {"device":"minute","metric":"b","ts":1763683080000,"value":0.003,"status":"02"}

        """)
  }

  @Test func `A long export comes in parts, its first line once; one of nothing has that alone`() throws {
    let town = try RollupTown()
    town.send("second", (0..<9000).map { Message(ts: Self.t - Int64($0) * 1000, values: [Int64($0), nil]) }, at: Self.t)
    try town.sealAll()
    var parts = 0
    var lines: [Substring] = []
    let count = try ReadingExport(directory: town.directory()).run(format: .csv) { bytes in
      parts += 1
      #expect(bytes.last == 0x0a)
      lines += String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
    #expect(count == 9000 && lines.count == 9001 && parts > 2)
    #expect(lines.count { $0.hasPrefix("device,") } == 1)
    #expect(try Self.export(town, .csv, from: 5, to: 6) == ("device,metric,ts,value,status\n", 0))
    #expect(try Self.export(town, .influx, from: 6, to: 5) == ("", 0))
  }
}
