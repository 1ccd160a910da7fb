import MQTTIntake
import Testing

/// What comes in: what is told, and what ends the connection with a sentence.
@Suite struct ReceivedPacketTests {
  private typealias Broker = BrokerPackets

  @Test(arguments: [true, false]) func `Whether the broker has kept the session is told`(_ isPresent: Bool) throws {
    let memory = try MemoryConnection()
    memory.tell([0x20, 3, isPresent ? 1 : 0, 0, 0])
    #expect(memory.log.events == [.accepted(sessionPresent: isPresent)])
  }

  @Test(arguments: [
    (UInt8(0x87), "not authorized"), (0x86, "bad user name or password"), (0x84, "it does not speak MQTT 5"), (0x85, "client identifier"),
    (0xc3, "reason 195"),
  ]) func `A refusal is told with its reason, and ends the connection`(_ code: UInt8, _ words: String) throws {
    for packet in [[0x20, 3, 0, code, 0], [0x20, 2, 0, code]] as [[UInt8]] {
      let memory = try MemoryConnection()
      let fault = try #require(memory.tell(packet))
      #expect(fault.description.hasPrefix("the broker refuses the connection (") && fault.description.contains(words))
      #expect(memory.log.events == [.refused(fault.description)])
      #expect(memory.stream.isClosed && memory.connection.socket == -1)
    }
  }

  @Test func `A broker that knows MQTT 3 alone is understood`() throws {
    let memory = try MemoryConnection()
    memory.tell([0x20, 2, 0, 1])
    #expect(memory.log.events == [.refused("the broker refuses the connection (it does not speak MQTT 5)")])
  }

  @Test func `A message is told with all that it has`() throws {
    let memory = try MemoryConnection.accepted(readsSenderTime: true)
    let properties =
      [1, 1] + [0x02, 0, 0, 0, 9] + Broker.userProperty("x", "y") + [3] + Broker.text("type") + Broker.userProperty("at", "1763683200123")
      + [8] + Broker.text("r") + [9] + Broker.text("c") + [0x0b, 0x80, 1] + Broker.userProperty("at", "7")
    memory.tell(Broker.message("a/b", [7, 8], flags: 0x0b, number: 513, properties: properties) + Broker.message("c", [], flags: 0))
    #expect(
      memory.log.messages == [
        .init(topic: "a/b", payload: [7, 8], retain: true, packet: 513, sentAt: 1_763_683_200_123),
        .init(topic: "c", payload: [], packet: 0, sentAt: nil),
      ])
  }

  @Test(arguments: [
    ("0", Int64(0)), ("-1", -1), ("9223372036854775807", .max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
    ("-9223372036854775809", nil), ("99999999999999999999", nil), ("", nil), ("-", nil), ("1x", nil), (" 1", nil), ("+1", nil),
    ("1.0", nil),
  ]) func `The sender's time is a decimal number or none`(_ text: String, _ value: Int64?) throws {
    let memory = try MemoryConnection.accepted(readsSenderTime: true)
    memory.tell(Broker.message("t", [], properties: Broker.userProperty("at", text) + Broker.userProperty("at", "5")))
    #expect(memory.log.messages.map(\.sentAt) == [value])
  }

  @Test func `The sender's time is not read unless it is asked for`() throws {
    let memory = try MemoryConnection.accepted()
    memory.tell(Broker.message("t", [], properties: Broker.userProperty("at", "5")))
    #expect(memory.log.messages.map(\.sentAt) == [nil])
  }

  @Test func `A subscription stands once each filter of QoS 1 is granted`() throws {
    let memory = try MemoryConnection.accepted()
    _ = memory.connection.subscribe([("a", 1), ("b", 0), ("c", 0)])
    #expect(memory.tell([0x90, 6, 0, 1, 0, 1, 0, 0x87]) == nil)
    #expect(memory.log.events.last == .subscribed)
    #expect(memory.connection.refusedOptionalTopics == ["c"])
  }

  @Test(arguments: [(UInt8(0x87), "not authorized"), (0x80, "unspecified error"), (0, "QoS 0 is all it grants")])
  func `A filter of QoS 1 that is refused is told with its reason`(_ code: UInt8, _ words: String) throws {
    let memory = try MemoryConnection.accepted()
    _ = memory.connection.subscribe([("a", 1), ("b", 1)])
    #expect(memory.tell([0x90, 5, 0, 1, 0, 1, code]) == nil)
    #expect(memory.log.events.last == .subscriptionRefused("the broker refuses the subscription to b (\(words))"))
    #expect(!memory.log.isSubscribed)
  }

  @Test func `Another client under our id is named as the end's reason`() throws {
    let memory = try MemoryConnection.accepted()
    let fault = memory.tell([0xe0, 1, 0x8e])
    #expect(fault?.description == "the broker ended the connection (session taken over: another client has connected under our client id)")
    #expect(memory.connection.misc(now: memory.now) == fault, "the fault stays")
    #expect(memory.connection.write(now: memory.now) == fault)
    #expect(memory.connection.subscribe([("t", 1)]) == fault)
  }

  @Test func `The reason is found behind a write that failed, and messages before it are not told`() throws {
    let memory = try MemoryConnection.accepted()
    memory.tell(Broker.message("t", [1], number: 1) + Broker.message("t", [2], number: 2).dropLast())
    memory.stream.arrive([2] + Broker.message("t", [3], number: 3) + [0xe0, 2, 0x8b, 0])
    memory.stream.writeEnd = "Broken pipe"
    #expect(memory.connection.write(now: memory.now)?.description == "the broker ended the connection (server shutting down)")
    #expect(memory.log.messages.map(\.payload) == [[1]])
  }

  @Test func `A write that fails for no told reason gives its own`() throws {
    let memory = try MemoryConnection.accepted()
    memory.tell(Broker.message("t", [1]))
    memory.stream.arrive(Array(Broker.message("t", [1]).dropLast()))
    memory.stream.writeEnd = "Broken pipe"
    #expect(memory.connection.write(now: memory.now)?.description == "Broken pipe")
  }

  /// Each is one packet of an accepted connection that nobody may send to us.
  @Test(
    arguments: [
      ([0x34, 6, 0, 1, 0x74, 0, 1, 0], "at QoS 2"), ([0x36, 6, 0, 1, 0x74, 0, 1, 0], "at QoS 3"),
      ([0x32, 6, 0, 1, 0x74, 0, 0, 0], "without a number"), ([0x30, 3, 0, 0, 0], "without a topic"),
      ([0x30, 7, 0, 1, 0x74, 3, 0x23, 0, 1], "topic alias"), ([0x30, 6, 0, 0, 3, 0x23, 0, 1], "topic alias"),
      ([0x30, 6, 0, 1, 0x74, 2, 0x7f, 0], "no property 127"), ([0x30, 4, 0, 9, 0x74, 0], "behind the packet's end"),
      ([0x30, 5, 0, 1, 0x74, 9, 0], "behind the packet's end"), ([0x30, 6, 0, 1, 0x74, 2, 2, 0], "behind the packet's end"),
      ([0x32, 4, 0, 1, 0x74, 0], "behind the packet's end"), ([0x30, 0], "behind the packet's end"),
      ([0x90, 1, 0], "behind the packet's end"),
      ([0x30, 0x80, 0x80, 0x80, 0x80, 1], "four bytes"), ([0x30, 8, 0, 1, 0x74, 0xff, 0xff, 0xff, 0xff, 1], "four bytes"),
      ([0x20, 3, 0, 0, 0], "accepted the connection twice"), ([0x90, 4, 0, 1, 0, 1], "was not sent"), ([0xd0, 1, 0], "type 13"),
      ([0x62, 2, 0, 1], "type 6"), ([0x40, 2, 0, 1], "type 4"), ([0xf0, 2, 0, 0], "type 15"), ([0x00, 0], "type 0"), ([0x10, 0], "type 1"),
      ([0xc0, 0], "type 12"), ([0x91, 4, 0, 1, 0, 1], "type 9"), ([0xe1, 0], "type 14"),
    ] as [([UInt8], String)]) func `What nobody may send to a subscriber ends the connection with a sentence`(
      _ packet: [UInt8], _ words: String
    ) throws
  {
    let memory = try MemoryConnection.accepted()
    let fault = try #require(memory.tell(packet))
    #expect(fault.description.contains(words), "\(fault)")
    #expect(fault.description.hasPrefix("the broker ") && memory.stream.isClosed)
    #expect(memory.log.messages.isEmpty && memory.connection.socket == -1)
  }

  @Test func `Nothing comes before the broker has accepted the connection`() throws {
    for packet in [Broker.message("t", []), [0x90, 4, 0, 1, 0, 1]] {
      let memory = try MemoryConnection()
      #expect(memory.tell(packet) != nil && memory.log.events.isEmpty)
    }
  }

  @Test func `A packet of our maximum is taken, one of a byte more is refused before it comes`() throws {
    // At 1 + 4 + 3 + 1 + payload bytes.
    let fits = try MemoryConnection.accepted { $0.packetSizeMax = 200_000 }
    let payload = (0..<(200_000 - 8)).map { UInt8(truncatingIfNeeded: $0) }
    let packet = Broker.message("t", payload, flags: 0)
    #expect(packet.count == 200_000)
    #expect(fits.tell(packet) == nil)
    #expect(fits.log.messages.map(\.payload) == [payload])
    let over = try MemoryConnection.accepted { $0.packetSizeMax = 199_999 }
    #expect(over.tell(Array(packet[..<5]))?.description.contains("200000 bytes, above the 199999") == true)
  }

  @Test func `A broker that never waits for acknowledgements is cut off`() throws {
    let memory = try MemoryConnection.accepted()
    let many = (1...1000).flatMap { Broker.message("t", [], number: UInt16($0)) }
    for _ in 0..<131 { #expect(memory.tell(many) == nil) }
    #expect(memory.tell(many)?.description.contains("without waiting") == true)
  }

  @Test func `Whoever closes the connection from inside a call is told nothing more`() throws {
    let memory = try MemoryConnection.accepted()
    memory.log.whenTold = { [unowned memory] event in
      if case .received(let message) = event, message.payload == [2] { memory.connection.close() }
    }
    let fault = memory.tell([1, 2, 3, 4].flatMap { Broker.message("t", [$0], number: UInt16($0)) })
    #expect(fault?.description == "the connection is closed")
    #expect(memory.log.messages.map(\.payload) == [[1], [2]])
    #expect(memory.stream.sent.isEmpty && !memory.connection.wantsWrite)
  }

  @Test func `Without a delegate nothing is read`() throws {
    let memory = try MemoryConnection.accepted()
    memory.connection.delegate = nil
    memory.stream.arrive(Broker.message("t", [1]))
    guard case .fault = memory.connection.read(now: memory.now) else {
      Issue.record("it was read")
      return
    }
    #expect(!memory.stream.isDrained)
  }

  @Test func `A closed stream is drained first`() throws {
    let memory = try MemoryConnection.accepted()
    memory.stream.end = "the broker closed the connection"
    memory.stream.arrive(Broker.message("t", [1]))
    #expect(memory.readAll() == nil)
    #expect(memory.log.messages.count == 1)
    #expect(memory.readAll()?.description == "the broker closed the connection")
  }
}
