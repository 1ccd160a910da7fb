import DeviceRegistry
import Foundation
import Readings
import Simulation
import Testing

@Suite struct TraceRoundTripTests {
  static let inputs: [TraceInput] = [
    .clock(at: Timestamp(milliseconds: 0)),
    .message(
      at: Timestamp(milliseconds: 1), topic: "thuong/v1/a/b/c/telemetry", payload: Array(#"{"values": {"speed":  12.50}}"#.utf8),
      retain: false),
    .message(at: Timestamp(milliseconds: 1), topic: "t/\"quoted\\ ü", payload: Array("[1, 2.0, 1e3]".utf8), retain: true),
    .message(at: Timestamp(milliseconds: 2), topic: "t", payload: Array("null".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 2), topic: "t", payload: Array("-0.0".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 2), topic: "t", payload: Array("\"x\\u0041\"".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 3), topic: "t", payload: [], retain: false),
    .message(at: Timestamp(milliseconds: 3), topic: "t", payload: Array(" {\"a\":1} ".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 3), topic: "t", payload: Array("{\n\"a\":1}".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 3), topic: "t", payload: Array("{\"a\":1e999}".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 3), topic: "t", payload: Array("{\"a\" 1}".utf8), retain: false),
    .message(
      at: Timestamp(milliseconds: 4), topic: "t", payload: Array("không phải JSON \u{0}\u{1f}\u{7f}\u{2028}\t\r\n\"\\".utf8), retain: false),
    .message(at: Timestamp(milliseconds: 5), topic: "t", payload: [0xff], retain: true),
    .message(at: Timestamp(milliseconds: 5), topic: "t", payload: [0xff, 0x00], retain: false),
    .message(at: Timestamp(milliseconds: 5), topic: "t", payload: Array(0...255), retain: false),
    .message(
      at: Timestamp(milliseconds: 6), topic: "t", payload: Array("{\"a\":\"\(String(repeating: "đ", count: 900_000))\"}".utf8),
      retain: false),
    .command(at: Timestamp(milliseconds: 7), json: Array(#"{"ack":"abc","by":"Lan","note":{"a":[1,2]}}"#.utf8)),
    .intake(at: Timestamp(milliseconds: 8), isUp: false),
    .intake(at: Timestamp(milliseconds: 9), isUp: true),
    .clock(at: Timestamp(milliseconds: 253_402_300_799_999)),
  ]

  @Test(arguments: ["t.ndjson", "t.ndjson.gz", "t.ndjson.zst"])
  func `every kind of line comes back as it was written`(_ name: String) throws {
    let folder = try ScratchFolder()
    let writer = try TraceWriter(file: folder.file(name))
    for input in Self.inputs { try writer.append(input) }
    try writer.close()
    #expect(try read([folder.file(name)]) == Self.inputs)
  }

  @Test(arguments: ["t.ndjson", "t.ndjson.gz", "t.ndjson.zst"])
  func `a trace of nothing is a trace`(_ name: String) throws {
    let folder = try ScratchFolder()
    try TraceWriter(file: folder.file(name)).close()
    #expect(try read([folder.file(name)]).isEmpty)
  }

  @Test(arguments: ["t.ndjson", "t.ndjson.gz", "t.ndjson.zst"])
  func `half an hour of the city reads back in order, byte for byte`(_ name: String) throws {
    let folder = try ScratchFolder()
    let registry = try ShippedCity.registry()
    let model = CityModel(scenario: try ShippedCity.twoTowns(registry), registry: registry, length: 1_800_000)
    let writer = try TraceWriter(file: folder.file(name))
    for message in model { try message.payload.withUnsafeBytes { try writer.append(at: message.at, topic: message.topic, payload: $0) } }
    try writer.close()
    let expected = model.map { TraceInput.message(at: $0.at, topic: $0.topic, payload: $0.payload, retain: false) }
    #expect(try read([folder.file(name)]) == expected)
    #expect(writer.lineCount == expected.count)
  }

  @Test func `a line may be written by hand, with space, any order of keys, and no line feed at the end`() throws {
    let folder = try ScratchFolder()
    let file = try folder.file(
      "t.ndjson",
      """
      { "payload" : {"values": {"speed": 12}} , "topic":"a" ,"at" : 5}\r

        \t
      {"base64": "AP8=", "retain": true, "at": 5, "topic": "\\u0061"}
      {"topic":"b","text":"","at":6}
      """)
    #expect(
      try read([file]) == [
        .message(at: Timestamp(milliseconds: 5), topic: "a", payload: Array(#"{"values": {"speed": 12}}"#.utf8), retain: false),
        .message(at: Timestamp(milliseconds: 5), topic: "a", payload: [0, 0xff], retain: true),
        .message(at: Timestamp(milliseconds: 6), topic: "b", payload: [], retain: false),
      ])
  }

  @Test func `several traces merge by time, and at the same time in the order named`() throws {
    let folder = try ScratchFolder()
    func trace(_ name: String, _ times: [Int64]) throws -> URL {
      try folder.file(name, times.map { "{\"at\":\($0),\"topic\":\"\(name)\",\"payload\":\($0)}\n" }.joined())
    }
    let (b, a, empty) = (try trace("b", [1, 3, 3, 9]), try trace("a", [0, 3, 4, 9, 9]), try trace("c", []))
    let order = try read([b, empty, a]).map { input -> String in
      guard case .message(let at, let topic, _, _) = input else { return "" }
      return "\(topic)\(at.milliseconds)"
    }
    #expect(order == ["a0", "b1", "b3", "b3", "a3", "a4", "b9", "a9", "a9"])
  }

  func read(_ files: [URL]) throws -> [TraceInput] {
    let reader = try TraceReader(files: files)
    var inputs: [TraceInput] = []
    while let line = try reader.next() { inputs.append(line.input) }
    #expect(reader.lineCount == inputs.count)
    #expect(reader.progress.read == reader.progress.total)
    return inputs
  }
}
