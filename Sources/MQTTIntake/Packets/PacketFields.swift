/// The fields of one packet, read in order and never past its end.
@safe struct PacketFields {
  private var at: UnsafeRawPointer?
  private(set) var count: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe at = bytes.baseAddress
    count = bytes.count
  }

  /// What has not been read yet.
  var rest: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: at, count: count) }

  /// The next `size` bytes.
  mutating func take(_ size: Int) throws(MQTTFault) -> UnsafeRawBufferPointer {
    guard size <= count else { throw MQTTFault("the broker sent a malformed packet: a field ends behind the packet's end") }
    // Safe: the guard above; a size is never negative.
    let taken = unsafe UnsafeRawBufferPointer(start: at, count: size)
    unsafe at = at.map { unsafe $0 + size }
    count -= size
    return unsafe taken
  }

  mutating func byte() throws(MQTTFault) -> UInt8 { try unsafe take(1)[0] }

  mutating func uint16() throws(MQTTFault) -> UInt16 {
    // Safe: take gave two bytes.
    try unsafe UInt16(bigEndian: take(2).loadUnaligned(as: UInt16.self))
  }

  /// A string, or binary data: its length in two bytes, then itself.
  mutating func text() throws(MQTTFault) -> UnsafeRawBufferPointer {
    let size = Int(try uint16())
    return unsafe try take(size)
  }

  /// Seven bits a byte, the lowest first, in four bytes at most.
  mutating func variableInteger() throws(MQTTFault) -> Int {
    var value = 0
    for shift in stride(from: 0, to: 28, by: 7) {
      let byte = try byte()
      value |= Int(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw MQTTFault("the broker sent a malformed packet: a length of more than four bytes")
  }

  /// The properties that stand here, as fields of their own.
  mutating func properties() throws(MQTTFault) -> PacketFields {
    let size = try variableInteger()
    return unsafe PacketFields(try take(size))
  }

  /// Goes over the value of a property of that identifier.
  mutating func skipProperty(_ identifier: UInt8) throws(MQTTFault) {
    switch identifier {
    case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a: _ = unsafe try take(1)
    case 0x13, 0x21, 0x22, 0x23: _ = unsafe try take(2)
    case 0x02, 0x11, 0x18, 0x27: _ = unsafe try take(4)
    case 0x0b: _ = try variableInteger()
    case 0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1a, 0x1c, 0x1f: _ = unsafe try text()
    case 0x26:
      _ = unsafe try text()
      _ = unsafe try text()
    default: throw MQTTFault("the broker sent a malformed packet: there is no property \(identifier)")
    }
  }
}
