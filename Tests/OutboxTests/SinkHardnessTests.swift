import NIOCore
import Outbox
import Readings
import Simulation
import Synchronization
import Testing

/// Peers that hang, drip, pour, lie about where they are, and close connections.
@Suite struct SinkHardnessTests {
  @Test(arguments: [TestPeer.Reply.silence, .drippingHead(200)])
  func `F8 an attempt that gets no whole answer ends at its deadline and is tried again`(reply: TestPeer.Reply) async throws {
    let peer = try await TestPeer { _ in reply }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    sink.attemptMax = 100
    let figures = try await DeliveryRun.deliver(1, to: sink) { $0.attemptsOfOldest >= 2 }
    #expect(figures.lastError == "no answer within 100 ms")
  }

  @Test func `F8 a status stands whatever becomes of its body`() async throws {
    let peer = try await TestPeer { request in request.header("thuong-sequence") == "1" ? .drippingBody(204 + 1) : .endless(200) }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    sink.attemptMax = 2_000
    let figures = try await DeliveryRun.deliver(2, to: sink)
    #expect(figures.delivered == 2)
    #expect(peer.requests.count == 2)
    #expect(peer.written < 64 << 20, "it is read no further than its beginning")
  }

  @Test func `a compressed answer is not unpacked`() async throws {
    let peer = try await TestPeer { _ in .answer(400, headers: [("content-encoding", "gzip")], body: "not gzip at all") }
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: [SinkFilter(sink: "ioc")])
    try await DeliveryRun.deliver(outbox, [try DeliveryRun.sink("ioc", peer.port)]) { _ in try await outbox.until("ioc") { $0.dead == 1 } }
    #expect(outbox.committed.last?.outcome == .dead(.rejected, error: "HTTP 400: not gzip at all"))
  }

  @Test(arguments: [301, 302, 303, 307, 308]) func `a redirect is not followed`(status: Int) async throws {
    let other = try await TestPeer { _ in .answer(204) }
    let peer = try await TestPeer { _ in .answer(status, headers: [("location", "http://127.0.0.1:\(other.port)/")]) }
    let figures = try await DeliveryRun.deliver(1, to: try DeliveryRun.sink("ioc", peer.port)) { $0.attemptsOfOldest >= 2 }
    #expect(figures.lastError == "HTTP \(status)")
    #expect(other.accepted == 0)
  }

  @Test func `connections are kept: a thousand events need no more than requests at once`() async throws {
    let peer = try await TestPeer { _ in .answer(204) }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    sink.concurrency = 4
    #expect(try await DeliveryRun.deliver(1_000, to: sink).delivered == 1_000)
    #expect(peer.accepted <= 4, "\(peer.accepted) connections")
    #expect(peer.requests.count == 1_000)
  }

  @Test func `a peer that closes kept connections at any moment loses no event`() async throws {
    let random = Mutex(SeededGenerator(seed: 11))
    let peer = try await TestPeer { _ in
      switch random.withLock({ $0.below(10) }) {
      case 0...2: .answerAndClose(204)
      case 3: .close
      default: .answer(204)
      }
    }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    sink.concurrency = 4
    let figures = try await DeliveryRun.deliver(300, to: sink)
    #expect(figures.delivered == 300, "seed 11")
    #expect(Set(peer.requests.compactMap { $0.header("thuong-sequence") }).count == 300)
  }

  // MARK: Where it leads

  @Test func `S19 a name that leads elsewhere a moment after it was checked gets nothing`() async throws {
    let peer = try await TestPeer { _ in .answer(204) }
    var sink = try SinkConfiguration(id: "ioc", url: "http://localhost:\(peer.port)/", secrets: [Sample.secret])
    sink.retry = RetryPolicy(first: 1, most: 4, giveUp: 86_400_000)
    sink.resolve = { _ in [[203, 113, 131, 1]] }
    let figures = try await DeliveryRun.deliver(1, to: sink) { $0.attemptsOfOldest >= 2 }
    #expect(figures.lastError?.contains("is a loopback address") == true, "\(figures.lastError ?? "")")
    #expect(peer.requests.isEmpty)
  }

  @Test(arguments: [
    [[UInt8]]([[169, 254, 169, 254]]), [[8, 8, 8, 8], [10, 0, 0, 1]], [AddressRule.bytes(ofLiteral: "64:ff9b::7f00:1") ?? []],
    [AddressRule.bytes(ofLiteral: "::ffff:192.168.0.1") ?? []], [AddressRule.bytes(ofLiteral: "2002:a00:1::") ?? []], [[0, 0, 0, 0]],
  ])
  func `S19 a name is refused where any of its addresses is inside, before a connection is made`(addresses: [[UInt8]]) async throws {
    let peer = try await TestPeer { _ in .answer(204) }
    var sink = try SinkConfiguration(id: "ioc", url: "http://localhost:\(peer.port)/", secrets: [Sample.secret])
    sink.retry = RetryPolicy(first: 1, most: 4, giveUp: 86_400_000)
    sink.resolve = { _ in addresses }
    let figures = try await DeliveryRun.deliver(1, to: sink) { $0.attemptsOfOldest >= 2 }
    #expect(figures.lastError?.hasSuffix("set allow_private: true if it is meant") == true)
    #expect(peer.accepted == 0)
  }

  @Test func `a name server that does not answer ends the attempt`() async throws {
    var sink = try SinkConfiguration(id: "ioc", url: "http://ioc.example/", secrets: [Sample.secret])
    sink.retry = RetryPolicy(first: 1, most: 4, giveUp: 86_400_000)
    sink.connectMax = 50
    sink.resolve = { _ in
      try? await Task.sleep(for: .seconds(3600))
      return nil
    }
    let figures = try await DeliveryRun.deliver(1, to: sink) { $0.attemptsOfOldest >= 1 }
    #expect(figures.lastError == "ioc.example has no address")
  }

  // MARK: Signatures

  @Test func `S20 while a secret is changed over, every event is signed by both, and none is lost`() async throws {
    let known = Mutex([Sample.secret])
    let taken = Mutex<Set<String>>([])
    let peer = try await TestPeer { request in
      let fault = Signature.fault(
        id: request.header("webhook-id"), timestamp: request.header("webhook-timestamp"), header: request.header("webhook-signature"),
        body: request.body, secrets: known.withLock { $0 }, now: Wall.now())
      guard fault == nil, let id = request.header("webhook-id") else { return .answer(401) }
      let count = taken.withLock {
        $0.insert(id)
        return $0.count
      }
      if count == 50 { known.withLock { $0 = [Sample.otherSecret] } }  // the IOC changes over in the middle
      return .answer(204)
    }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    sink.secrets = [Sample.secret, Sample.otherSecret]
    sink.concurrency = 4
    #expect(try await DeliveryRun.deliver(100, to: sink).delivered == 100)
    #expect(taken.withLock { $0.count } == 100)
    #expect(peer.requests.count == 100, "none was refused")
  }
}
