import DeviceRegistry
import Foundation
import Fuzzing
import Gateway
import Readings
import Testing

/// Bad input of every kind: the fuzzer's corpus and what is too large for it, at the gateway's door.
@Suite struct BadInputTests {
  private static let device = "bg-tr-001"
  private static let good = #"{"values":{"speed":50}}"#

  /// What became of one input, in the words of the corpus: `accepted`, `message-REASON` or `reading-REASON`.
  private func outcome(_ gateway: GatewayWorkshop, _ send: () -> Void) -> String {
    let before = gateway.counters
    send()
    let after = gateway.counters
    #expect(after.balances)
    #expect(after.messagesReceived == before.messagesReceived + 1)
    let messages = after.rejectedMessages().filter { before.rejectedMessages()[$0.key] != $0.value }
    let readings = after.rejectedReadings().filter { before.rejectedReadings()[$0.key] != $0.value }
    let all = messages.keys.map { "message-\($0)" } + readings.keys.map { "reading-\($0)" }
    return all.isEmpty ? "accepted" : all.sorted().joined(separator: " and ")
  }

  @Test func `F16 bad input of every kind is rejected for its reason and counted, and the gateway goes on`() throws {
    let gateway = try GatewayWorkshop(registry: FuzzTown.registry())
    var at: Int64 = 100_000
    for file in try Corpus.files(of: "payload") {
      at += 10
      let found = outcome(gateway) { gateway.send(file.bytes, topic: gateway.topic(Self.device), at: at) }
      #expect(found == file.outcome, "\(file.name)")
    }
    for file in try Corpus.files(of: "topic") where file.outcome != "telemetry" {
      at += 10
      let topic = String(decoding: file.bytes, as: UTF8.self)
      let expected = file.outcome == "status" ? "message-malformed" : "message-\(file.outcome)"
      #expect(outcome(gateway) { gateway.send(Array(Self.good.utf8), topic: topic, at: at) } == expected, "\(file.name)")
    }
    try gateway.commit()
    let stored = try gateway.stored().count
    #expect(gateway.counters.readingsStored == Int64(stored))
    let before = gateway.counters
    try gateway.reopen()
    #expect(gateway.counters == before, "what was counted is counted after a restart")
    gateway.send(Self.good, from: "vy-tr-001", at: at + 10)
    try gateway.commit()
    #expect(try gateway.stored().count == stored + 1)
    #expect(gateway.counters.balances)
  }

  @Test func `F16 a hundred thousand bad messages of every kind leave the memory as it was`() async {
    // A process of its own: what other tests hold is not counted.
    await #expect(processExitsWith: .success) {
      let gateway = try GatewayWorkshop(registry: FuzzTown.registry())
      let own = gateway.topic(Self.device)
      var bad = try Corpus.files(of: "payload").filter { $0.outcome != "accepted" }.map { (topic: own, payload: $0.bytes) }
      bad += try Corpus.files(of: "topic").filter { $0.outcome != "telemetry" }.map {
        (topic: String(decoding: $0.bytes, as: UTF8.self), payload: Array(Self.good.utf8))
      }
      bad += [(own, [UInt8](repeating: 0x5b, count: 256 << 10)), (own, [UInt8](repeating: 0x20, count: 300 << 10))]
      var sent = 0
      func flood(_ count: Int) throws {
        for _ in 0..<count {
          let next = bad[sent % bad.count]
          gateway.send(next.payload, topic: next.topic, at: Int64(sent))
          sent += 1
          if sent % 500 == 0 { try gateway.commit() }
        }
      }
      try flood(20_000)
      let (before, counted) = (try ResidentMemory.now(), gateway.counters)
      try flood(100_000)
      let grown = try ResidentMemory.now() - before
      #expect(grown < 4 << 20, "\(grown >> 10) KiB more")
      let counters = gateway.counters
      #expect(counters.balances)
      #expect(counters.messagesReceived == Int64(sent))
      #expect(counters.readingsStored == counted.readingsStored, "nothing that stays")
      #expect(counters.messagesRejected.reduce(0, +) > 80_000)
    }
  }

  @Test func `F16 a payload of 64 MB is refused by its size alone: none of it is read or copied`() async {
    await #expect(processExitsWith: .success) {
      let gateway = try GatewayWorkshop(registry: FuzzTown.registry())
      gateway.send(Self.good, from: Self.device, at: 0)
      try gateway.commit()
      let size = 64 << 20
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      // Pages that nobody touched are not resident: they become so where somebody reads them.
      let payload = UnsafeRawBufferPointer(start: memory, count: size)
      let before = try ResidentMemory.now()
      Array(gateway.topic(Self.device).utf8).withUnsafeBytes { topic in
        for i in Int64(1)...20 { gateway.engine.message(MessageInput(topic: topic, payload: payload), at: GatewayWorkshop.time(i)) }
      }
      try gateway.commit()
      let grown = try ResidentMemory.now() - before
      #expect(grown < 1 << 20, "\(grown >> 10) KiB more")
      #expect(gateway.counters.rejectedMessages() == ["too_large": 20])
      gateway.send(Self.good, from: Self.device, at: 30)
      try gateway.commit()
      #expect(try gateway.stored().count == 2)
    }
  }
}

/// What this process has in memory.
enum ResidentMemory {
  /// In bytes.
  static func now() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
  }
}
