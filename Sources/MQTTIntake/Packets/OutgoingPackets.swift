/// The packets on their way to the broker: laid out as MQTT 5 wants them, kept until the stream has taken them.
struct OutgoingPackets {
  private var bytes: [UInt8] = []
  private var sent = 0

  var isEmpty: Bool { sent == bytes.count }
  /// Bytes that have not been taken yet.
  var count: Int { bytes.count - sent }

  /// A persistent session, which the broker keeps for as long as it can.
  mutating func connect(_ endpoint: MQTTEndpoint) throws(MQTTFault) {
    var properties: [UInt8] = [0x11, 0xff, 0xff, 0xff, 0xff, 0x21]
    properties.append(bigEndian: max(1, endpoint.receiveMaximum))
    properties.append(0x27)
    properties.append(bigEndian: max(1, endpoint.packetSizeMax))
    let flags: UInt8 = (endpoint.username == nil ? 0 : 0x80) | (endpoint.password == nil ? 0 : 0x40)
    var body: [UInt8] = [0, 4] + Array("MQTT".utf8) + [5, flags]
    body.append(bigEndian: UInt16(clamping: endpoint.keepAliveSeconds))
    body.append(UInt8(properties.count))
    body += properties
    try body.append(text: endpoint.clientID, as: "broker.client_id")
    if let username = endpoint.username { try body.append(text: username, as: "broker.username") }
    if let password = endpoint.password { try body.append(text: password, as: "the broker's password") }
    append(0x10, body)
  }

  mutating func subscribe(packet: UInt16, _ filters: [(topic: String, qos: UInt8)]) throws(MQTTFault) {
    var body: [UInt8] = []
    body.append(bigEndian: packet)
    body.append(0)
    for filter in filters {
      try body.append(text: filter.topic, as: "a subscription")
      body.append(filter.qos)
    }
    append(0x82, body)
  }

  /// PUBACK.
  mutating func acknowledge(_ packet: UInt16) {
    bytes.append(0x40)
    bytes.append(2)
    bytes.append(UInt8(truncatingIfNeeded: packet >> 8))
    bytes.append(UInt8(truncatingIfNeeded: packet))
  }

  mutating func ping() { append(0xc0, []) }

  mutating func disconnect() { append(0xe0, []) }

  private mutating func append(_ first: UInt8, _ body: [UInt8]) {
    bytes.append(first)
    var length = body.count
    while length >= 0x80 {
      bytes.append(UInt8(length & 0x7f) | 0x80)
      length >>= 7
    }
    bytes.append(UInt8(length))
    bytes += body
  }

  /// Gives the stream as much as it takes, in as few calls as it takes.
  ///
  /// - Returns: how many bytes it took, and why it has ended, where it has.
  mutating func write(to stream: any ByteStream) -> (taken: Int, end: String?) {
    let before = sent
    while sent < bytes.count {
      // Safe: sent never passes the bytes' count.
      let result = unsafe bytes.withUnsafeBytes { all in unsafe stream.write(UnsafeRawBufferPointer(rebasing: all[sent...])) }
      switch result {
      case .bytes(let count):
        precondition(count > 0 && count <= bytes.count - sent, "a stream takes some of what it is given")
        sent += count
      case .wouldBlock: return (sent - before, nil)
      case .ended(let why): return (sent - before, why)
      }
    }
    let taken = sent - before
    bytes.removeAll(keepingCapacity: true)
    sent = 0
    return (taken, nil)
  }
}

extension [UInt8] {
  fileprivate mutating func append(bigEndian value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  fileprivate mutating func append(text: String, as name: String) throws(MQTTFault) {
    guard let length = UInt16(exactly: text.utf8.count) else { throw MQTTFault("\(name) is longer than 65535 bytes") }
    append(bigEndian: length)
    self += text.utf8
  }
}
