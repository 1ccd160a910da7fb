import MQTTIntake

/// What a broker sends over a connection: the same is told of it however it is cut, and a plain walk over the packets finds the same
/// messages.
final class BrokerHarness: Harness {
  static let name = "broker"

  private let endpoint: MQTTEndpoint

  init() throws {
    guard var endpoint = MQTTEndpoint(url: "mqtt://localhost", clientID: "fuzz") else { throw Violation("no endpoint") }
    endpoint.packetSizeMax = 600
    self.endpoint = endpoint
  }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    let bytes = Array(input)
    let whole = try told(of: bytes, cutAfter: .max)
    for size in [1, 3, 61] {
      try promise(try told(of: bytes, cutAfter: size) == whole, "told otherwise where it comes \(size) bytes at a time")
    }

    let messages = PlainBrokerStream.messages(in: bytes)
    try promise(messages.starts(with: whole.messages), "told \(whole.messages), which is not what was sent")
    if let fault = whole.fault {
      try promise(!fault.isEmpty && !fault.contains("\n"), "a fault in other than one line: \(fault)")
      return "fault"
    }
    try promise(messages.count == whole.messages.count, "\(whole.messages.count) of \(messages.count) messages told")
    let acknowledged = whole.messages.map(\.packet).filter { $0 != 0 }.flatMap { [0x40, 2, UInt8($0 >> 8), UInt8($0 & 0xff)] }
    try promise(whole.sent.suffix(acknowledged.count) == acknowledged[...], "acknowledged other than what was told")
    return whole.messages.isEmpty ? "nothing" : "messages"
  }

  private struct Told: Equatable {
    var events: [String]
    var messages: [PlainBrokerStream.Message]
    var fault: String?
    var sent: [UInt8]
  }

  private func told(of bytes: [UInt8], cutAfter size: Int) throws -> Told {
    let stream = CutStream(bytes, size: size)
    let connection = MQTTConnection(stream: stream, endpoint: endpoint, readsSenderTime: true, now: 0)
    let owner = Owner(connection)
    var fault: String?
    while fault == nil, stream.hasInput {
      if case .fault(let end) = connection.read(now: 0) { fault = end.description }
    }
    if fault == nil { fault = connection.write(now: 0)?.description }
    return Told(events: owner.events, messages: owner.messages, fault: fault, sent: stream.sent)
  }

  /// As the gateway: subscribes when it is accepted.
  private final class Owner: MQTTConnectionDelegate {
    var events: [String] = []
    var messages: [PlainBrokerStream.Message] = []
    private unowned let connection: MQTTConnection

    init(_ connection: MQTTConnection) {
      self.connection = connection
      connection.delegate = self
    }

    func received(_ message: borrowing MQTTMessage) {
      messages.append(
        .init(topic: Array(message.topic), payload: Array(message.payload), retain: message.retain, packet: message.packet))
      events.append("message at \(message.sentAt.map { "\($0)" } ?? "-")")
    }

    func accepted(sessionPresent: Bool) {
      events.append("accepted \(sessionPresent)")
      _ = connection.subscribe([("a/#", 1), ("$SYS/b", 0)])
    }

    func refused(_ reason: String) { events.append("refused: \(reason)") }
    func subscribed() { events.append("subscribed, but for \(connection.refusedOptionalTopics)") }
    func subscriptionRefused(_ reason: String) { events.append("subscription refused: \(reason)") }
  }

  /// Gives so many bytes at a time, takes all.
  private final class CutStream: ByteStream {
    private var rest: ArraySlice<UInt8>
    private let size: Int
    private(set) var sent: [UInt8] = []
    let descriptor: Int32 = -1

    init(_ bytes: [UInt8], size: Int) { (rest, self.size) = (bytes[...], size) }

    var hasInput: Bool { !rest.isEmpty }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
      let piece = rest.prefix(min(size, buffer.count))
      if piece.isEmpty { return .wouldBlock }
      buffer.copyBytes(from: piece)
      rest.removeFirst(piece.count)
      return .bytes(piece.count)
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult {
      sent += bytes
      return .bytes(bytes.count)
    }

    func close() {}
  }
}

/// The messages of a broker's stream, by the plainest reading of MQTT 5 (3.3): what is malformed ends it.
enum PlainBrokerStream {
  struct Message: Equatable {
    var topic, payload: [UInt8]
    var retain: Bool
    /// 0 at QoS 0.
    var packet: UInt16
  }

  static func messages(in bytes: [UInt8]) -> [Message] {
    var messages: [Message] = []
    var rest = bytes[...]
    while let first = rest.popFirst(), let length = number(&rest), length <= rest.count {
      let body = rest.prefix(length)
      rest.removeFirst(length)
      guard first >> 4 == 3 else { continue }
      guard let message = message(flags: first & 0x0f, body) else { break }
      messages.append(message)
    }
    return messages
  }

  private static func message(flags: UInt8, _ body: ArraySlice<UInt8>) -> Message? {
    var rest = body
    guard let length = short(&rest), length <= rest.count else { return nil }
    let topic = Array(rest.prefix(Int(length)))
    rest.removeFirst(Int(length))
    var packet: UInt16 = 0
    if flags & 0x06 != 0 {
      guard let id = short(&rest) else { return nil }
      packet = id
    }
    guard let properties = number(&rest), properties <= rest.count else { return nil }
    return Message(topic: topic, payload: Array(rest.dropFirst(properties)), retain: flags & 1 == 1, packet: packet)
  }

  private static func short(_ rest: inout ArraySlice<UInt8>) -> UInt16? {
    guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
    return UInt16(high) << 8 | UInt16(low)
  }

  /// A variable byte integer (1.5.5).
  private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
    var value = 0
    for place in 0..<4 {
      guard let digit = rest.popFirst() else { return nil }
      value |= Int(digit & 0x7f) << (7 * place)
      if digit < 0x80 { return value }
    }
    return nil
  }
}
