import MQTTIntake
import Testing

/// A connection over a stream of the test's own, its time the test's too.
final class MemoryConnection {
  let stream = MemoryStream()
  let log = ConnectionLog()
  let connection: MQTTConnection
  var now: Int64 = 1_000_000

  init(readsSenderTime: Bool = false, endpoint change: (inout MQTTEndpoint) -> Void = { _ in }) throws {
    var endpoint = try #require(MQTTEndpoint(url: "mqtt://localhost", clientID: "thuong"))
    change(&endpoint)
    connection = MQTTConnection(stream: stream, endpoint: endpoint, readsSenderTime: readsSenderTime, now: now)
    connection.delegate = log
  }

  /// As after CONNECT and CONNACK, nothing more queued or told.
  static func accepted(
    readsSenderTime: Bool = false, connack: [UInt8] = BrokerPackets.accepted, endpoint change: (inout MQTTEndpoint) -> Void = { _ in }
  ) throws -> MemoryConnection {
    let made = try MemoryConnection(readsSenderTime: readsSenderTime, endpoint: change)
    #expect(made.connection.write(now: made.now) == nil)
    #expect(made.tell(connack) == nil)
    #expect(made.log.events == [.accepted(sessionPresent: false)])
    _ = made.stream.takeSent()
    return made
  }

  /// Lets the bytes arrive and reads until there are no more; the fault, where that ends the connection.
  @discardableResult
  func tell(_ bytes: [UInt8]) -> MQTTFault? {
    stream.arrive(bytes)
    return readAll()
  }

  func readAll() -> MQTTFault? {
    repeat {
      if case .fault(let fault) = connection.read(now: now) { return fault }
    } while !stream.isDrained
    return nil
  }

  func write() -> [UInt8] {
    #expect(connection.write(now: now) == nil)
    return stream.takeSent()
  }
}

/// Packets as a broker lays them out, by hand.
enum BrokerPackets {
  static let accepted: [UInt8] = [0x20, 3, 0, 0, 0]

  static func packet(_ first: UInt8, _ body: [UInt8]) -> [UInt8] { [first] + variable(body.count) + body }

  static func variable(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value % 128 + 128)] + variable(value / 128)
  }

  static func text(_ text: String) -> [UInt8] { text16(Array(text.utf8)) }
  static func text16(_ bytes: [UInt8]) -> [UInt8] { number16(bytes.count) + bytes }
  static func number16(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }

  static func message(_ topic: String, _ payload: [UInt8], flags: UInt8 = 0x02, number: UInt16 = 1, properties: [UInt8] = []) -> [UInt8] {
    let quality = flags >> 1 & 3
    return packet(
      0x30 | flags,
      text(topic) + (quality == 0 ? [] : number16(Int(number))) + variable(properties.count) + properties + payload)
  }

  static func userProperty(_ name: String, _ value: String) -> [UInt8] { [0x26] + text(name) + text(value) }
}
