import Foundation
import Outbox
import Readings
import Simulation
import Synchronization
import Testing

/// An IOC that fails, hangs and drops connections: what arrives there in the end.
@Suite struct ChaosDeliveryTests {
  private struct Ledger {
    var random: SeededGenerator
    /// By event, where among all first arrivals it came first, with its sequence and body.
    var first: [String: (place: Int, sequence: Int64, body: [UInt8])] = [:]
    var faults: [String] = []

    mutating func take(_ request: TestPeer.Request) {
      let fault = Signature.fault(
        id: request.header("webhook-id"), timestamp: request.header("webhook-timestamp"), header: request.header("webhook-signature"),
        body: request.body, secrets: [Sample.secret], now: Wall.now())
      guard fault == nil, let id = request.header("webhook-id"), let sequence = request.header("thuong-sequence").flatMap(Int64.init) else {
        return faults.append("\(fault.map { $0.rawValue } ?? "no sequence")")
      }
      guard let known = first[id] else { return first[id] = (first.count, sequence, request.body) }
      if known.sequence != sequence || known.body != request.body { faults.append("\(id) came again, and is another") }
    }
  }

  @Test func `F9 events through an IOC that fails, hangs and drops the connection all arrive, in order of their alert`() async throws {
    let isLong = ProcessInfo.processInfo.environment["THUONG_SOAK"] != nil
    let seed = ProcessInfo.processInfo.environment["CHAOS_SEED"].flatMap(UInt64.init) ?? 20_251_121
    let (count, alerts) = isLong ? (10_000, 1_000) : (400, 40)
    let ledger = Mutex(Ledger(random: SeededGenerator(seed: seed)))
    let peer = try await TestPeer { request in
      ledger.withLock { ledger in
        let chance = ledger.random.below(100)
        switch chance {
        case 0..<30: return .answer(500)
        case 30..<35: return .silence
        case 35..<40:
          ledger.take(request)
          return chance == 35 ? .answerAndClose(204) : .close
        default:
          ledger.take(request)
          return .answer(204)
        }
      }
    }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    (sink.concurrency, sink.attemptMax) = (8, 150)
    let outbox = try OutboxFile()
    let events = (0..<count).map { Sample.record($0 / alerts + 1, of: $0 % alerts + 1) }
    try outbox.enqueue(events, to: [SinkFilter(sink: "ioc")])
    try await DeliveryRun.deliver(outbox, [sink]) { _ in try await outbox.until("ioc") { $0.waiting == 0 } }
    let (first, faults) = ledger.withLock { ($0.first, $0.faults) }
    #expect(faults.isEmpty, "seed \(seed): \(faults.prefix(3))")
    #expect(events.allSatisfy { first[$0.id]?.body == $0.body }, "seed \(seed): \(count - first.count) are missing")
    #expect(first.values.map(\.sequence).sorted() == Array(1...Int64(count)), "seed \(seed)")
    for (alert, ofOne) in Dictionary(grouping: events, by: \.alert) {
      let places = ofOne.compactMap { first[$0.id]?.place }
      #expect(places == places.sorted(), "seed \(seed): \(alert ?? "") came out of order")
    }
    #expect(try outbox.figures().first?.delivered == Int64(count), "seed \(seed)")
  }
}
