import Foundation
import Readings
import Simulation
import TestSupport

/// Lines of traces: the parser finds in them what a plain reader finds, whatever stands behind their line feed in memory.
final class TraceHarness: Harness {
  static let name = "trace"

  private let parser: TraceLineParser
  private var room: [UInt8] = []

  init() throws {
    guard let parser = TraceLineParser() else { throw Violation("no memory") }
    self.parser = parser
  }

  /// A line as it was parsed, and where in it the payload stands; nil where that is an unescaped copy.
  private struct Found: Equatable {
    var input: TraceInput
    var payload: Range<Int>?
  }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    let line = Array(input)
    let found = try parse(line, padding: 0x00)
    for padding in [UInt8(ascii: "}"), UInt8(ascii: "\""), 0xff] {
      try promise(try parse(line, padding: padding) == found, "another line with \(padding) behind it")
    }
    switch found {
    case .success(let found): try check(found, in: line)
    case .failure(let fault):
      try promise((1...line.count + 1).contains(fault.column) && !fault.message.isEmpty, "a fault at column \(fault.column)")
      try promise(PlainTraceLine.input(of: line) == nil, "refused: \(fault.message)")
    }
    if parser.isOneLineOfJSON(input), line.count(where: { $0 == 0x5b || $0 == 0x7b }) <= ReferenceJSON.nestingMax {
      try promise(ReferenceJSON.read(line) != nil && !line.contains(0x0a), "taken for a line of JSON")
    }
    if case .success = found { return "line" }
    return "fault"
  }

  private func parse(_ line: [UInt8], padding: UInt8) throws -> Result<Found, TraceLineParser.Fault> {
    room.replaceSubrange(0..., with: line)
    room.append(0x0a)
    room += [UInt8](repeating: padding, count: TraceLineParser.padding - 1)
    return room.withUnsafeBytes { room in
      do throws(TraceLineParser.Fault) {
        let parsed = try parser.parse(UnsafeRawBufferPointer(rebasing: room[..<line.count]))
        var place: Range<Int>?
        if let base = room.baseAddress, let start = parsed.payload.baseAddress, (base..<base + line.count).contains(start) {
          place = base.distance(to: start)..<(base.distance(to: start) + parsed.payload.count)
        }
        return .success(Found(input: parsed.input, payload: place))
      } catch { return .failure(error) }
    }
  }

  /// A payload's inside is the decoder's to judge: what stands around it is compared, with something plain in its place.
  private func check(_ found: Found, in line: [UInt8]) throws {
    guard let place = found.payload else {
      let expected = PlainTraceLine.input(of: line)
      return try promise(expected == found.input, "parsed as \(found.input), not as \(String(describing: expected))")
    }
    let span = Array(line[place])
    let isSpace = { (byte: UInt8?) in byte.map { [0x20, 0x09, 0x0a, 0x0d].contains($0) } ?? true }
    try promise(!isSpace(span.first) && !isSpace(span.last), "a payload with space around it")
    let plain = Array((span.first == UInt8(ascii: "{") ? "{}" : "0").utf8)
    let expected = PlainTraceLine.input(of: line[..<place.lowerBound] + plain + line[place.upperBound...])
    try promise(expected == found.input.with(payload: plain), "parsed as \(found.input), not as \(String(describing: expected))")
  }
}

extension TraceInput {
  fileprivate func with(payload: [UInt8]) -> TraceInput {
    switch self {
    case .message(let at, let topic, _, let retain): .message(at: at, topic: topic, payload: payload, retain: retain)
    case .command(let at, _): .command(at: at, json: payload)
    default: self
    }
  }
}

/// A line by way of the plain reader of JSON.
enum PlainTraceLine {
  /// nil for what is no line. A payload or command is written again where it is not a text, so that only plain ones compare.
  static func input(of line: some Sequence<UInt8>) -> TraceInput? {
    guard case .object(let fields)? = ReferenceJSON.read(Array(line)) else { return nil }
    var values: [String: ReferenceJSON] = [:]
    for (key, value) in fields {
      guard values.updateValue(value, forKey: key) == nil else { return nil }
    }
    guard case .number(let text)? = values.removeValue(forKey: "at"), let at = Int64(text), Timestamp.plausible.contains(at) else {
      return nil
    }
    return input(at: Timestamp(milliseconds: at), values)
  }

  private static func input(at: Timestamp, _ values: [String: ReferenceJSON]) -> TraceInput? {
    switch (values.count, values["command"], values["intake"]) {
    case (0, _, _): return .clock(at: at)
    case (1, .object(let fields)?, _): return .command(at: at, json: fields.isEmpty ? Array("{}".utf8) : [])
    case (1, _, .string(let text)?): return text == "up" || text == "down" ? .intake(at: at, isUp: text == "up") : nil
    default: break
    }
    var retain = false
    if let value = values["retain"] {
      guard case .bool(let flag) = value else { return nil }
      retain = flag
    }
    guard values.count == (values["retain"] == nil ? 2 : 3), case .string(let topic)? = values["topic"], !topic.isEmpty,
      let payload = payload(values)
    else { return nil }
    return .message(at: at, topic: topic, payload: payload, retain: retain)
  }

  private static func payload(_ values: [String: ReferenceJSON]) -> [UInt8]? {
    switch (values["payload"], values["text"], values["base64"]) {
    case (.number("0")?, nil, nil): return Array("0".utf8)
    case (.number(let text)?, nil, nil): return Double(text)?.isFinite == true ? [] : nil
    case (.object(let fields)?, nil, nil): return fields.isEmpty ? Array("{}".utf8) : []
    case (.some, nil, nil): return []
    case (nil, .string(let text)?, nil): return Array(text.utf8)
    case (nil, nil, .string(let text)?):
      // Foundation takes more than RFC 4648 does.
      let form = /([A-Za-z0-9+\/]{4})*([A-Za-z0-9+\/]{2}==|[A-Za-z0-9+\/]{3}=)?/
      return text.wholeMatch(of: form) == nil ? nil : Data(base64Encoded: text).map { Array($0) }
    default: return nil
    }
  }
}
