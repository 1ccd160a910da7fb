/// MQTT 5 PUBLISH packets of one length, QoS 1, encoded before the first is sent.
///
///     0x32 | remaining length (varint) | topic length (2) | topic | packet id (2) | properties length (0) | payload
struct PublishPackets {
  /// All packets, one behind the other.
  let bytes: [UInt8]
  let packetBytes: Int
  let count: Int

  /// Ids come round after this many: more than may be unacknowledged.
  private static let ids = 60_000

  /// - Parameters:
  ///   - firstTS: milliseconds; each device's readings are `interval` apart.
  init(count: Int, firstTS: Int64, interval: Int64) throws {
    var bytes: [UInt8] = []
    var packetBytes = 0
    let topics = (0..<BenchCity.deviceCount).map(BenchCity.topic)
    for number in 0..<count {
      let topic = topics[number % topics.count]
      let payload = BenchCity.payload(number, ts: firstTS + Int64(number / BenchCity.deviceCount) * interval)
      guard payload.utf8.count == BenchCity.payloadBytes else { throw BenchFailure("a payload of \(payload.utf8.count) bytes: \(payload)") }
      let before = bytes.count
      bytes.append(0x32)
      MQTTBytes.append(length: 2 + topic.utf8.count + 2 + 1 + payload.utf8.count, to: &bytes)
      MQTTBytes.append(text: topic, to: &bytes)
      let id = UInt16(1 + number % Self.ids)
      bytes += [UInt8(id >> 8), UInt8(id & 0xff), 0]
      bytes += payload.utf8
      if number == 0 {
        packetBytes = bytes.count
        bytes.reserveCapacity(packetBytes * count)
      }
      guard bytes.count - before == packetBytes else { throw BenchFailure("packets of different lengths") }
    }
    (self.bytes, self.packetBytes, self.count) = (bytes, packetBytes, count)
  }
}

enum MQTTBytes {
  /// MQTT 5, clean start, no keep-alive, no properties.
  static func connect(clientID: String) -> [UInt8] {
    var body: [UInt8] = []
    append(text: "MQTT", to: &body)
    body += [5, 0x02, 0, 0, 0]
    append(text: clientID, to: &body)
    var packet: [UInt8] = [0x10]
    append(length: body.count, to: &packet)
    return packet + body
  }

  static func append(length: Int, to bytes: inout [UInt8]) {
    var rest = length
    repeat {
      let digit = UInt8(rest & 0x7f)
      rest >>= 7
      bytes.append(rest > 0 ? digit | 0x80 : digit)
    } while rest > 0
  }

  static func append(text: String, to bytes: inout [UInt8]) {
    let count = text.utf8.count
    bytes += [UInt8(count >> 8), UInt8(count & 0xff)]
    bytes += text.utf8
  }
}

/// Counts PUBACKs in a stream of packets that may be cut anywhere.
struct AcknowledgementCounter {
  private(set) var count = 0
  /// Where a packet that was cut goes on.
  private enum Place { case start, length(isAcknowledgement: Bool), body(left: Int) }
  private var place = Place.start

  mutating func take(_ bytes: UnsafeRawBufferPointer) throws {
    var i = 0
    while i < bytes.count {
      switch place {
      case .start:
        let kind = bytes[i] >> 4
        guard kind == 4 || kind == 13 || kind == 2 else {
          throw BenchFailure("the broker sent packet type \(kind): it has ended the connection")
        }
        place = .length(isAcknowledgement: kind == 4)
        i += 1
      case .length(let isAcknowledgement):
        guard bytes[i] < 0x80 else { throw BenchFailure("a packet longer than any acknowledgement") }
        if isAcknowledgement { count += 1 }
        place = bytes[i] == 0 ? .start : .body(left: Int(bytes[i]))
        i += 1
      case .body(let left):
        let step = min(left, bytes.count - i)
        place = step == left ? .start : .body(left: left - step)
        i += step
      }
    }
  }
}
