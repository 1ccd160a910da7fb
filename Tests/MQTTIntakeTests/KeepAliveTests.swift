import MQTTIntake
import Testing

/// Pings, and the end of a silent connection, on the test's own time: the keep-alive is 30 s.
@Suite struct KeepAliveTests {
  private let ping: [UInt8] = [0xc0, 0]
  private let pong: [UInt8] = [0xd0, 0]

  /// Advances to a moment and does what an owner does then; what was sent.
  private func pass(_ memory: MemoryConnection, to seconds: Int64, from start: Int64 = 1_000_000) -> [UInt8] {
    memory.now = start + seconds * 1000
    #expect(memory.connection.misc(now: memory.now) == nil, "\(seconds) s")
    return memory.write()
  }

  @Test func `A quiet connection is pinged once a keep-alive`() throws {
    let memory = try MemoryConnection.accepted()
    #expect(pass(memory, to: 29) == [])
    #expect(pass(memory, to: 30) == ping)
    memory.now += 1000
    memory.tell(pong)
    #expect(pass(memory, to: 59) == [])
    #expect(pass(memory, to: 60) == ping)
  }

  @Test func `A silent broker is noticed two keep-alives after its last byte`() throws {
    let memory = try MemoryConnection.accepted()
    memory.now += 5000
    memory.tell(BrokerPackets.message("t", [], number: 1))
    memory.now += 20_000  // a slow commit; then the acknowledgement goes into the void
    _ = memory.write()
    #expect(pass(memory, to: 34) == [])
    #expect(pass(memory, to: 35) == ping)
    #expect(pass(memory, to: 64) == [])
    let fault = memory.connection.misc(now: 1_000_000 + 65_000)
    #expect(fault?.description == "the broker has been silent for 60 s")
    #expect(memory.stream.isClosed)
  }

  @Test func `An owner that sleeps knows when to look next`() throws {
    let memory = try MemoryConnection.accepted()
    #expect(memory.connection.dueAt == 1_030_000)
    #expect(pass(memory, to: 30) == ping)
    #expect(memory.connection.dueAt == 1_060_000)
    memory.now += 1000
    memory.tell(pong)
    #expect(memory.connection.dueAt == 1_060_000, "the next ping")
    _ = memory.connection.misc(now: 1_060_000)
    #expect(memory.connection.misc(now: 1_090_000) != nil)
    #expect(memory.connection.dueAt == nil)
  }

  @Test func `Any byte is a sign of life, a message no less than an answer`() throws {
    let memory = try MemoryConnection.accepted()
    #expect(pass(memory, to: 30) == ping)
    memory.now += 25_000
    memory.tell(Array(BrokerPackets.message("t", [1, 2, 3]).prefix(3)))
    #expect(pass(memory, to: 59) == [])
    #expect(pass(memory, to: 60) == ping)
  }

  @Test func `A broker is pinged while messages come that need no acknowledgement`() throws {
    let memory = try MemoryConnection.accepted()
    for second in 1..<30 {
      #expect(pass(memory, to: Int64(second)) == [])
      memory.tell(BrokerPackets.message("t", [], flags: 0))
    }
    #expect(pass(memory, to: 30) == ping)
  }

  @Test func `A CONNECT that is not answered ends the connection after one keep-alive, counted from its sending`() throws {
    let memory = try MemoryConnection()
    #expect(pass(memory, to: 100).first == 0x10)
    #expect(pass(memory, to: 129) == [])
    #expect(memory.connection.misc(now: 1_130_000)?.description == "the broker has not answered CONNECT for 30 s")
  }

  @Test func `A SUBSCRIBE that is not answered ends the connection after one keep-alive`() throws {
    let memory = try MemoryConnection.accepted()
    _ = memory.connection.subscribe([("t", 1)])
    #expect(pass(memory, to: 10).first == 0x82)
    memory.now += 20_000
    memory.tell(BrokerPackets.message("t", []))
    #expect(pass(memory, to: 39) == [0x40, 2, 0, 1])
    #expect(memory.connection.misc(now: 1_040_000)?.description == "the broker has not answered SUBSCRIBE for 30 s")
  }

  @Test func `The broker may ask for a shorter keep-alive`() throws {
    let memory = try MemoryConnection.accepted(connack: [0x20, 6, 0, 0, 3, 0x13, 0, 10])
    #expect(pass(memory, to: 9) == [])
    #expect(pass(memory, to: 10) == ping)
    #expect(memory.connection.misc(now: 1_020_000) != nil)
  }

  @Test func `A longer keep-alive of the broker's does not delay the notice`() throws {
    let memory = try MemoryConnection.accepted(connack: [0x20, 6, 0, 0, 3, 0x13, 0xff, 0xff])
    #expect(pass(memory, to: 30) == ping)
    #expect(memory.connection.misc(now: 1_060_000) != nil)
  }

  @Test func `A ping that the stream does not take counts as asked`() throws {
    let memory = try MemoryConnection.accepted()
    memory.stream.room = 0
    #expect(pass(memory, to: 30) == [])
    #expect(memory.connection.wantsWrite)
    #expect(memory.connection.misc(now: 1_060_000) != nil)
  }

  @Test func `What has come and was not read yet is no silence`() throws {
    let memory = try MemoryConnection.accepted()
    #expect(pass(memory, to: 30) == ping)
    memory.stream.hasInput = true
    #expect(pass(memory, to: 600) == [], "the owner was busy; the answer waits to be read")
    memory.stream.hasInput = false
    #expect(memory.connection.misc(now: memory.now) != nil)
  }
}
