import MQTTIntake
import Testing

/// What leaves, byte for byte as the MQTT 5 specification lays it out.
@Suite struct SentPacketTests {
  @Test func `CONNECT asks for the old session, kept for ever, and names our limits`() throws {
    let memory = try MemoryConnection { endpoint in
      endpoint.clientID = "thuong-bg-vy"
      (endpoint.username, endpoint.password) = ("gw", "pässword")
    }
    #expect(memory.stream.writes == 0, "nothing is sent before write")
    #expect(memory.connection.wantsWrite)
    #expect(
      memory.write()
        == [0x10, 0x35, 0x00, 0x04] + Array("MQTT".utf8) + [
          5,  // version
          0xc0,  // user name, password, and no clean start
          0x00, 0x1e,  // keep-alive 30 s
          13,  // properties
          0x11, 0xff, 0xff, 0xff, 0xff,  // session expiry: never
          0x21, 0x03, 0x84,  // receive maximum 900
          0x27, 0x00, 0x20, 0x00, 0x00,  // maximum packet size 2 MiB
          0x00, 0x0c,
        ] + Array("thuong-bg-vy".utf8) + [0x00, 0x02] + Array("gw".utf8) + [0x00, 0x09] + Array("pässword".utf8))
    #expect(!memory.connection.wantsWrite)
  }

  @Test func `CONNECT without credentials says so`() throws {
    let memory = try MemoryConnection { $0.keepAliveSeconds = 300 }
    #expect(
      memory.write()
        == [0x10, 32, 0, 4] + Array("MQTT".utf8) + [5, 0, 0x01, 0x2c, 13, 0x11, 0xff, 0xff, 0xff, 0xff, 0x21, 0x03, 0x84]
        + [0x27, 0, 0x20, 0, 0, 0, 6] + Array("thuong".utf8))
  }

  @Test func `A length of 128 bytes and more takes two bytes and more`() throws {
    for count in [90, 101, 102, 200, 16_357, 16_358, 60_000] {
      let memory = try MemoryConnection { $0.clientID = String(repeating: "x", count: count) }
      let sent = memory.write()
      let body = count + 26
      let header: [UInt8] =
        body < 128
        ? [UInt8(body)]
        : body < 16_384
          ? [UInt8(body & 127) | 128, UInt8(body >> 7)] : [UInt8(body & 127) | 128, UInt8(body >> 7 & 127) | 128, UInt8(body >> 14)]
      #expect(sent.starts(with: [0x10] + header + [0, 4, 0x4d]), "\(count)")
      #expect(sent.count == 1 + header.count + body)
    }
  }

  @Test func `A name that no packet can hold is a fault, not a broken packet`() throws {
    let memory = try MemoryConnection { $0.username = String(repeating: "x", count: 65_536) }
    #expect(memory.connection.write(now: 0)?.description == "broker.username is longer than 65535 bytes")
    #expect(memory.stream.sent.isEmpty)
  }

  @Test func `SUBSCRIBE holds all filters, each with its QoS`() throws {
    let memory = try MemoryConnection.accepted()
    #expect(memory.connection.subscribe([("thuong/v1/#", 1), ("$SYS/#", 0)]) == nil)
    #expect(memory.stream.sent.isEmpty)
    #expect(
      memory.write() == [0x82, 26, 0, 1, 0, 0, 11] + Array("thuong/v1/#".utf8) + [1, 0, 6] + Array("$SYS/#".utf8) + [0])
  }

  @Test func `Each message of QoS 1 is acknowledged by its number, all in one write, none of QoS 0`() throws {
    let memory = try MemoryConnection.accepted()
    var arriving: [UInt8] = []
    for number in [1, 0x1234, 0xffff] as [UInt16] {
      arriving += BrokerPackets.message("t", [1, 2], number: number) + BrokerPackets.message("t", [3], flags: 0)
    }
    let before = memory.stream.writes
    memory.tell(arriving)
    #expect(memory.log.messages.count == 6)
    #expect(memory.stream.writes == before, "reading sends nothing")
    #expect(memory.write() == [0x40, 2, 0, 1, 0x40, 2, 0x12, 0x34, 0x40, 2, 0xff, 0xff])
    #expect(memory.stream.writes == before + 1)
  }

  @Test func `What a stream does not take waits in order`() throws {
    let memory = try MemoryConnection.accepted()
    for number in 1...9 { memory.tell(BrokerPackets.message("t", [], number: UInt16(number))) }
    var sent: [UInt8] = []
    while memory.connection.wantsWrite {
      memory.stream.room = 5
      sent += memory.write()
      if memory.connection.wantsWrite, sent.count == 20 { memory.tell(BrokerPackets.message("t", [], number: 10)) }
    }
    #expect(sent == (1...10).flatMap { [0x40, 2, 0, UInt8($0)] })
  }

  @Test func `Leaving sends what is queued and DISCONNECT, and closes`() throws {
    let memory = try MemoryConnection.accepted()
    memory.tell(BrokerPackets.message("t", [], number: 7))
    memory.connection.disconnect(now: memory.now)
    #expect(memory.stream.sent == [0x40, 2, 0, 7, 0xe0, 0])
    #expect(memory.stream.isClosed && memory.connection.socket == -1 && !memory.connection.wantsWrite)
  }
}
