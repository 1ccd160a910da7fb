import CSimdJSON
import Readings

/// Finds the parts of a line, through simdjson.
package final class TraceLineParser {
  /// Bytes that must be readable after a line. The first is a line feed, the others do not matter.
  package static let padding = Int(THUONG_TRACE_PADDING)

  /// Why a line is none.
  package struct Fault: Error, Hashable {
    /// In the line, from 1.
    package let column: Int
    package let message: String
  }

  private let parser: OpaquePointer

  /// nil where there is no memory for it.
  package init?() {
    guard let parser = thuong_trace_parser_new() else { return nil }
    self.parser = parser
  }

  deinit { thuong_trace_parser_free(parser) }

  /// - Parameter line: bytes without the line feed that stands behind them, after which `padding` bytes in all can be read.
  /// - Returns: a line whose bytes stand until the next call, and while the ones given stand.
  package func parse(_ line: UnsafeRawBufferPointer) throws(Fault) -> TraceLine {
    var found = thuong_trace_line()
    let bytes = line.assumingMemoryBound(to: UInt8.self)
    guard let base = bytes.baseAddress else { throw Fault(column: 1, message: "an empty line") }
    let code = Int(thuong_trace_parse(parser, base, bytes.count, &found))
    guard code == THUONG_TRACE_OK else { throw Fault(column: found.fault_offset + 1, message: Self.message(code)) }
    return TraceLine(
      kind: Self.kind(found), at: Timestamp(milliseconds: found.at),
      topic: UnsafeRawBufferPointer(start: found.topic, count: found.topic_length),
      payload: UnsafeRawBufferPointer(start: found.payload, count: found.payload_length), retain: found.retain)
  }

  /// Whether these bytes may stand in a line as `payload`.
  package func isOneLineOfJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return false }
    return thuong_trace_is_json(parser, base, bytes.count)
  }

  private static func kind(_ line: thuong_trace_line) -> TraceLine.Kind {
    switch Int(line.kind) {
    case THUONG_TRACE_MESSAGE: .message
    case THUONG_TRACE_COMMAND: .command
    case THUONG_TRACE_INTAKE: line.intake_up ? .intakeUp : .intakeDown
    default: .clock
    }
  }

  static let notJSON = "not one JSON object; a payload that is not valid JSON belongs in \"text\" or \"base64\""

  private static func message(_ code: Int) -> String {
    switch code {
    case THUONG_TRACE_NOT_JSON: notJSON
    case THUONG_TRACE_NOT_OBJECT: "a line is one JSON object such as {\"at\": 1763683200123, \"topic\": \"…\", \"payload\": {…}}"
    case THUONG_TRACE_NO_AT: "\"at\" is missing: each line has its arrival time in milliseconds since 1970"
    case THUONG_TRACE_BAD_AT: "\"at\" is a whole number of milliseconds since 1970, such as 1763683200123"
    case THUONG_TRACE_UNKNOWN_KEY: "unknown key; known: at, topic, payload, text, base64, retain, command, intake"
    case THUONG_TRACE_KEY_TWICE: "a key is given twice"
    case THUONG_TRACE_BAD_TOPIC: "\"topic\" is a text that is not empty"
    case THUONG_TRACE_BAD_TEXT: "\"text\" is a JSON string that holds the payload"
    case THUONG_TRACE_BAD_BASE64: "\"base64\" is a JSON string in standard base64 with its padding"
    case THUONG_TRACE_BAD_RETAIN: "\"retain\" is true or false"
    case THUONG_TRACE_BAD_COMMAND: "\"command\" is an object such as {\"ack\": \"…\", \"by\": \"…\"}"
    case THUONG_TRACE_BAD_INTAKE: "\"intake\" is \"up\" or \"down\""
    case THUONG_TRACE_MIXED: "a line is one message, one command, one intake change, or \"at\" alone, with one form of payload"
    case THUONG_TRACE_NO_PAYLOAD: "a message has a \"payload\", a \"text\" or a \"base64\""
    case THUONG_TRACE_NO_TOPIC: "a message has a \"topic\""
    default: "not enough memory to read this line"
    }
  }
}
