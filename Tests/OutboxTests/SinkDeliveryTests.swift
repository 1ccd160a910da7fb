import Foundation
import Glibc
import Outbox
import Readings
import Simulation
import Synchronization
import Testing

@Suite struct SinkDeliveryTests {
  @Test func `events arrive signed, in order, as they were recorded`() async throws {
    let outbox = try OutboxFile()
    let events = (1...200).map { Sample.record($0) }
    try outbox.enqueue(events, to: [SinkFilter(sink: "ioc")])
    let got = try await withIOC { ioc, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { _ in try await outbox.until("ioc") { $0.delivered == 200 } }
      let figures = ioc.figures
      #expect((figures.received, figures.duplicates, figures.refused, figures.ledger.missing) == (200, 0, 0, 0))
    }
    #expect(got.map(\.id) == events.map(\.id))
    #expect(got.map(\.body) == events.map(\.body))
    #expect(got.compactMap(\.sequence) == Array(1...200))
    #expect(got.first?.messageVi == "Tốc độ trung bình 12,4 km/h")
  }

  @Test func `events committed later go out when notified`() async throws {
    let outbox = try OutboxFile()
    let got = try await withIOC { _, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { delivery in
        for number in 1...20 {
          try outbox.enqueue([Sample.record(number)], to: [SinkFilter(sink: "ioc")])
          delivery.notify()
          try await outbox.until("ioc") { $0.delivered == Int64(number) }
        }
      }
    }
    #expect(got.count == 20)
  }

  @Test func `F7 an event answered 500 comes again under its id, before any later one of its alert`() async throws {
    let outbox = try OutboxFile()
    let events = (1...3).map { Sample.record($0, of: 1) }
    try outbox.enqueue(events, to: [SinkFilter(sink: "ioc")])
    let attempts = Mutex(0)
    let got = try await withIOC(respond: { event in
      guard event.sequence == 2 else { return 204 }
      return attempts.withLock {
        $0 += 1; return $0
      } < 4 ? 500 : 204
    }) { _, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { _ in try await outbox.until("ioc") { $0.delivered == 3 } }
    }
    #expect(got.map(\.id) == [0, 1, 1, 1, 1, 2].map { events[$0].id })
    #expect(got.map(\.answer) == [204, 500, 500, 500, 204, 204])
    #expect(outbox.committed.filter { $0.outcome == .delivered }.map(\.attempts) == [1, 4, 1])
  }

  @Test func `F7 an event answered 400 is dead and the later ones arrive`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...3).map { Sample.record($0) }, to: [SinkFilter(sink: "ioc")])
    _ = try await withIOC(respond: { $0.sequence == 2 ? 400 : 204 }) { _, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { _ in try await outbox.until("ioc") { $0.waiting == 0 } }
    }
    let figures = try #require(try outbox.figures().first)
    #expect((figures.delivered, figures.dead) == (2, 1))
  }

  @Test func `F7 410 stops the sink, and it goes on where it was when resumed`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...4).map { Sample.record($0) }, to: [SinkFilter(sink: "ioc")])
    let gone = Mutex(true)
    let got = try await withIOC(respond: { $0.sequence == 3 && gone.withLock { $0 } ? 410 : 204 }) { _, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { delivery in
        try await outbox.until("ioc") { $0.stopped == "HTTP 410" }
        #expect(try outbox.figures().first?.waiting == 2)
        gone.withLock { $0 = false }
        try outbox.resume("ioc")
        delivery.notify()
        try await outbox.until("ioc") { $0.delivered == 4 }
      }
    }
    #expect(got.compactMap(\.sequence) == [1, 2, 3, 3, 4])
  }

  @Test func `F8 a sink that never answers delays no other`() async throws {
    let outbox = try OutboxFile()
    let silent = try SilentPeer()
    try outbox.enqueue((1...300).map { Sample.record($0) }, to: [SinkFilter(sink: "dead"), SinkFilter(sink: "live")])
    let got = try await withIOC { _, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("dead", silent.port), DeliveryRun.sink("live", port)]) { _ in
        try await outbox.until("live") { $0.delivered == 300 }
      }
    }
    #expect(got.count == 300)
    let dead = try #require(try outbox.figures().first { $0.sink == "dead" })
    #expect((dead.delivered, dead.waiting) == (0, 300))
  }

  @Test func `a restart resumes: nothing is missing and no id has changed`() async throws {
    let outbox = try OutboxFile()
    let events = (1...50).map { Sample.record($0) }
    try outbox.enqueue(events, to: [SinkFilter(sink: "ioc")])
    let down = Mutex(true)
    let got = try await withIOC(respond: { $0.sequence! > 20 && down.withLock { $0 } ? 503 : 204 }) { _, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { _ in
        try await outbox.until("ioc") { $0.attemptsOfOldest >= 2 }
      }
      down.withLock { $0 = false }
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { _ in try await outbox.until("ioc") { $0.delivered == 50 } }
    }
    #expect(Set(got.filter { $0.answer == 204 }.map(\.id)) == Set(events.map(\.id)))
  }

  @Test(arguments: ["127.0.0.1", "localhost", "[::1]"])
  func `a loopback address is refused unless it is allowed`(host: String) async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: [SinkFilter(sink: "ioc")])
    let got = try await withIOC { _, port in
      var configuration = try SinkConfiguration(id: "ioc", url: "http://\(host):\(port)/", secrets: [Sample.secret])
      configuration.retry = RetryPolicy(first: 1, most: 4, giveUp: 86_400_000)
      try await DeliveryRun.deliver(outbox, [configuration]) { _ in try await outbox.until("ioc") { $0.attemptsOfOldest >= 2 } }
    }
    #expect(got.isEmpty)
    #expect(try outbox.figures().first?.lastError?.contains("is a loopback address; set allow_private: true") == true)
  }

  @Test func `an IOC that knows another secret answers 401, and the event waits`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: [SinkFilter(sink: "ioc")])
    _ = try await withIOC(secrets: [Sample.otherSecret]) { ioc, port in
      try await DeliveryRun.deliver(outbox, [DeliveryRun.sink("ioc", port)]) { _ in
        try await outbox.until("ioc") { $0.attemptsOfOldest >= 1 }
      }
      #expect(ioc.figures.refused >= 1)
      var rotated = try DeliveryRun.sink("ioc", port)
      rotated.secrets.append(Sample.otherSecret)
      try await DeliveryRun.deliver(outbox, [rotated]) { _ in try await outbox.until("ioc") { $0.delivered == 1 } }
    }
  }

  @Test func `S20 A secret is changed in its file while the sink runs, and a file with a fault changes nothing`() async throws {
    let outbox = try OutboxFile()
    let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    let texts = (1...2).map { "whsec_" + Data(repeating: $0, count: 32).base64EncodedString() }
    func write(_ text: String) throws {
      try Data(text.utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }
    try write(texts[0])
    _ = try await withIOC(secrets: WebhookSecret(text: texts[1]).map { [$0] } ?? []) { ioc, port in
      var sink = try DeliveryRun.sink("ioc", port)
      (sink.secrets, sink.secretFile) = (try WebhookSecret.load(file: file.path), file.path)
      try await DeliveryRun.deliver(outbox, [sink]) { delivery in
        for (number, text) in [texts.joined(separator: "\n"), "no secret", texts[1]].enumerated() {
          try outbox.enqueue([Sample.record(number + 1)], to: [SinkFilter(sink: "ioc")])
          delivery.notify()
          if number == 0 { try await outbox.until("ioc") { $0.attemptsOfOldest >= 1 } }
          try write(text)
          try await outbox.until("ioc") { $0.delivered == number + 1 }
        }
      }
      #expect(ioc.figures.refused >= 1)
    }
  }

  @Test func `heartbeats come without a sequence and are not counted`() async throws {
    let outbox = try OutboxFile()
    let beats = AsyncStream.makeStream(of: ReceivedEvent.self)
    let got = try await withIOC(respond: {
      beats.continuation.yield($0); return 204
    }) { ioc, port in
      var configuration = try DeliveryRun.sink("ioc", port)
      configuration.heartbeatEvery = 5
      try await DeliveryRun.deliver(outbox, [configuration]) { _ in for await _ in beats.stream.prefix(3) {} }
      #expect(ioc.figures.received == 0)
    }
    #expect(got.allSatisfy { $0.type == "vn.thuong.gateway.alive" && $0.sequence == nil })
  }

  @Test func `without sinks it runs until it is cancelled`() async throws {
    try await DeliveryRun.deliver(try OutboxFile(), []) { $0.notify() }
  }

  /// Runs a stand-in IOC while `body` does, and returns what it got.
  private final class Counter: Sendable {
    private let value = Atomic(0)
    func add() { value.add(1, ordering: .relaxed) }
    var count: Int { value.load(ordering: .relaxed) }
  }

  /// Heartbeats as they come, by sink.
  private struct Beats {
    let stream = AsyncStream.makeStream(of: String.self)

    /// Waits for so many more to a sink, and tells how many came to `other` meanwhile.
    func more(_ count: Int, to sink: String, other: String) async -> Int {
      var (left, others) = (count, 0)
      for await id in stream.stream {
        if id == other { others += 1 }
        if id == sink { left -= 1 }
        if left == 0 { break }
      }
      return others
    }
  }

  @Test func `a sink that asked for a pause gets no heartbeat until an operator says go on`() async throws {
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: [SinkFilter(sink: "busy")])
    let answer = Mutex(429)
    let (beats, tired) = (Beats(), Counter())
    let peer = try await TestPeer { request in
      if request.header("thuong-sequence") != nil { return .answer(answer.withLock { $0 }, headers: [("retry-after", "3600")]) }
      if request.head.contains("/tired ") {
        tired.add()
        return .answer(503, headers: [("retry-after", "3600")])
      }
      beats.stream.continuation.yield(request.head.contains("/busy ") ? "busy" : "other")
      return .answer(204)
    }
    let sinks = try ["busy", "other", "tired"].map { id in
      var sink = try DeliveryRun.sink(id, peer.port)
      sink.heartbeatEvery = 2
      return sink
    }
    try await DeliveryRun.deliver(outbox, sinks) { delivery in
      try await outbox.until("busy") { $0.attemptsOfOldest == 1 }
      beats.stream.continuation.yield("now")
      _ = await beats.more(1, to: "now", other: "busy")
      _ = await beats.more(10, to: "other", other: "busy")  // one may have been on its way
      #expect(await beats.more(50, to: "other", other: "busy") == 0)
      answer.withLock { $0 = 204 }
      #expect(try outbox.obey(.resume(sink: "busy")) == .resumed(waiting: 1, was: "HTTP 429"))
      delivery.resume(sink: "busy")
      try await outbox.until("busy") { $0.delivered == 1 }
      _ = await beats.more(3, to: "busy", other: "other")
    }
    #expect(tired.count <= 1, "it asked for a pause when it got its first heartbeat")
    #expect(try outbox.obey(.resume(sink: "busy")) == .refused(.notStopped("busy")))
  }

  private func withIOC(
    secrets: [WebhookSecret] = [Sample.secret], respond: @escaping @Sendable (ReceivedEvent) -> Int = { _ in 204 },
    _ body: (StandInIOC, Int) async throws -> Void
  ) async throws -> [ReceivedEvent] {
    let got = Inbox()
    let ioc = StandInIOC(secrets: secrets, logger: DeliveryRun.quiet, wallClock: Wall.now, respond: respond, handler: got.add)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try? await ioc.run() }
      try await body(ioc, ioc.boundPort())
      group.cancelAll()
    }
    return got.events
  }
}

private final class Inbox: Sendable {
  private let list = Mutex<[ReceivedEvent]>([])
  var events: [ReceivedEvent] { list.withLock { $0 } }
  func add(_ event: ReceivedEvent) { list.withLock { $0.append(event) } }
}

/// A peer that lets one connect and never says a word.
private final class SilentPeer {
  let port: Int
  private let socket: Int32

  init() throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let socket = socket
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(socket, pointer, length) == 0 && listen(socket, 16) == 0 && getsockname(socket, pointer, &length) == 0
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    try #require(bound)
  }

  deinit { close(socket) }
}
