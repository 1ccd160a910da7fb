import MQTTIntake
import Testing

/// The same packets, wherever the stream is cut; and no crash, whatever it holds.
@Suite struct PacketStreamTests {
  private let seed = UInt64.random(in: .min ... .max)

  private func expectSame(_ packets: RandomPackets, cutAt cuts: [Int], _ what: Comment) throws {
    let memory = try MemoryConnection.accepted(readsSenderTime: true)
    var from = 0
    for cut in cuts + [packets.bytes.count] {
      memory.stream.arrive(Array(packets.bytes[from..<cut]))
      from = cut
    }
    try #require(memory.readAll() == nil, what)
    try #require(memory.log.messages == packets.messages, what)
    try #require(memory.write() == packets.acknowledged.flatMap { [0x40, 2] + BrokerPackets.number16(Int($0)) }, what)
  }

  @Test func `A stream that is cut anywhere gives the same packets`() throws {
    var packets = RandomPackets(seed: seed)
    packets.add(8, payloadMax: 40)
    for cut in 0...packets.bytes.count { try expectSame(packets, cutAt: [cut], "seed \(seed), cut at \(cut)") }
    try expectSame(packets, cutAt: Array(0..<packets.bytes.count), "seed \(seed), byte by byte")
  }

  @Test func `A long stream that is cut at random places gives the same packets`() throws {
    for round in 0..<40 {
      var packets = RandomPackets(seed: seed &+ UInt64(round))
      packets.add(120, payloadMax: round % 4 == 0 ? 100_000 : 2000)
      let cuts = packets.cuts(round % 5 * 20)
      try expectSame(packets, cutAt: cuts, "seed \(seed), round \(round)")
    }
  }

  @Test func `Changed bytes give packets or a fault with a sentence`() throws {
    var faults: Set<String> = []
    for round in 0..<4000 {
      var packets = RandomPackets(seed: seed &+ UInt64(round))
      packets.add(5, payloadMax: 60)
      let memory = try MemoryConnection.accepted(readsSenderTime: round % 2 == 0) { $0.packetSizeMax = 1000 }
      _ = memory.connection.subscribe([("a", 1), ("b", 0)])
      let bytes = packets.mutated()
      memory.stream.arrive(bytes)
      if let fault = memory.readAll() { faults.insert(fault.description.filter { !$0.isNumber }) }
      #expect(
        memory.log.messages.reduce(0) { $0 + $1.payload.count + $1.topic.utf8.count } <= bytes.count * 3, "seed \(seed), round \(round)")
    }
    #expect(faults.count > 5, "seed \(seed): \(faults)")
    #expect(faults.allSatisfy { $0.hasPrefix("the broker ") }, "\(faults)")
  }

  @Test func `Noise gives packets or a fault with a sentence`() throws {
    var random = RandomPackets(seed: seed)
    var faults = 0
    for round in 0..<20_000 {
      let memory = round % 2 == 0 ? try MemoryConnection.accepted(readsSenderTime: true) : try MemoryConnection()
      if memory.tell(random.noise()) != nil { faults += 1 }
      memory.connection.close()
    }
    #expect(faults > 10_000, "seed \(seed)")
  }
}
