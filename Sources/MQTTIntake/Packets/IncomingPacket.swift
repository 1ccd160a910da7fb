/// A packet from the broker, as far as a subscriber needs to know it. Its bytes are the read buffer's.
@safe enum IncomingPacket {
  /// CONNACK. The keep-alive is the broker's own, in seconds, where it asks for one.
  case connectAck(sessionPresent: Bool, reason: UInt8, keepAliveSeconds: UInt16?)
  case message(MQTTMessage)
  case subscribeAck(packet: UInt16, reasons: UnsafeRawBufferPointer)
  case pingResponse
  case disconnect(reason: UInt8)
}

/// Reads packets out of bytes. What we did not ask for or allow (QoS 2, topic aliases, more than our maximum) is a fault as well.
struct PacketDecoder {
  /// Of a whole packet, in bytes.
  let sizeMax: Int
  let readsSenderTime: Bool

  /// The length of the packet that begins there, its header included; nil where more of the header must come first.
  func length(_ bytes: UnsafeRawBufferPointer) throws(MQTTFault) -> Int? {
    var value = 0
    for place in 1...4 {
      guard place < bytes.count else { return nil }
      // Safe: the guard above.
      let byte = unsafe bytes[place]
      value |= Int(byte & 0x7f) << (7 * (place - 1))
      if byte < 0x80 {
        let length = 1 + place + value
        guard length <= sizeMax else {
          throw MQTTFault("the broker sent a packet of \(length) bytes, above the \(sizeMax) that we allowed")
        }
        return length
      }
    }
    throw MQTTFault("the broker sent a malformed packet: a length of more than four bytes")
  }

  /// - Parameter bytes: one whole packet, as long as `length` says.
  func packet(_ bytes: UnsafeRawBufferPointer) throws(MQTTFault) -> IncomingPacket {
    var fields = unsafe PacketFields(bytes)
    let first = try fields.byte()
    _ = try fields.variableInteger()
    switch first {
    case 0x30...0x3f: return .message(try message(flags: first & 0x0f, &fields))
    case 0x20: return try connectAck(&fields)
    case 0x90:
      let packet = try fields.uint16()
      _ = try fields.properties()
      return unsafe .subscribeAck(packet: packet, reasons: fields.rest)
    case 0xd0 where fields.count == 0: return .pingResponse
    case 0xe0: return .disconnect(reason: fields.count == 0 ? 0 : try fields.byte())
    default: throw MQTTFault("the broker sent a packet that no subscriber may get (type \(first >> 4), flags \(first & 0x0f))")
    }
  }

  private func connectAck(_ fields: inout PacketFields) throws(MQTTFault) -> IncomingPacket {
    let flags = try fields.byte()
    let reason = try fields.byte()
    guard flags <= 1 else { throw MQTTFault("the broker sent a malformed packet: CONNACK with unknown flags") }
    // An older broker refuses our version in its own, where CONNACK has no properties.
    guard reason == 0 || fields.count > 0 else { return .connectAck(sessionPresent: false, reason: reason, keepAliveSeconds: nil) }
    var properties = try fields.properties()
    var keepAlive: UInt16?
    while properties.count > 0 {
      let identifier = try properties.byte()
      if identifier == 0x13 { keepAlive = try properties.uint16() } else { try properties.skipProperty(identifier) }
    }
    guard fields.count == 0 else { throw MQTTFault("the broker sent a malformed packet: CONNACK is longer than it says") }
    return .connectAck(sessionPresent: flags == 1, reason: reason, keepAliveSeconds: keepAlive)
  }

  private func message(flags: UInt8, _ fields: inout PacketFields) throws(MQTTFault) -> MQTTMessage {
    let quality = flags >> 1 & 3
    guard quality < 2 else { throw MQTTFault("the broker sent a message at QoS \(quality), above what was subscribed") }
    let topic = unsafe try fields.text()
    let packet = quality == 0 ? 0 : try fields.uint16()
    guard quality == 0 || packet != 0 else { throw MQTTFault("the broker sent a malformed packet: a message at QoS 1 without a number") }
    let sentAt = try messageProperties(&fields)
    guard unsafe !topic.isEmpty else { throw MQTTFault("the broker sent a message without a topic") }
    return unsafe MQTTMessage(topic: topic, payload: fields.rest, retain: flags & 1 != 0, packet: packet, sentAt: sentAt)
  }

  /// Goes over them, and gives the number in the first user property `at` where it is asked for.
  private func messageProperties(_ fields: inout PacketFields) throws(MQTTFault) -> Int64? {
    var properties = try fields.properties()
    var sentAt: Int64?
    var isFound = !readsSenderTime
    while properties.count > 0 {
      let identifier = try properties.byte()
      switch identifier {
      case 0x23: throw MQTTFault("the broker sent a topic alias, which we did not allow")
      case 0x26 where !isFound:
        let name = unsafe try properties.text()
        let value = unsafe try properties.text()
        if unsafe name.count == 2 && name[0] == UInt8(ascii: "a") && name[1] == UInt8(ascii: "t") {
          sentAt = unsafe decimal(value)
          isFound = true
        }
      default: try properties.skipProperty(identifier)
      }
    }
    return sentAt
  }

  /// Nil where the text is no decimal number of 64 bits.
  private func decimal(_ text: UnsafeRawBufferPointer) -> Int64? {
    let isNegative = unsafe text.first == UInt8(ascii: "-")
    let digits = isNegative ? 1..<text.count : 0..<text.count
    guard !digits.isEmpty else { return nil }
    var value: Int64 = 0
    for place in digits {
      // Safe: a place in the text; a text that begins with a sign is not empty.
      let digit = unsafe text[place]
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let unit = Int64(digit - UInt8(ascii: "0"))
      let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = isNegative ? tens.subtractingReportingOverflow(unit) : tens.addingReportingOverflow(unit)
      guard !overflows, !overflowsToo else { return nil }
      value = sum
    }
    return value
  }
}
