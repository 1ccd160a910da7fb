import Database
import Logging
package import Outbox
package import Readings

/// What operators see and want of the outbox and its sinks.
extension GatewayService {
  /// By sink: something that has waited for longer puts it behind.
  package var behindAfter: [String: Milliseconds] {
    Dictionary(configuration.sinks.map { ($0.id, $0.behindAfter) }, uniquingKeysWith: { first, _ in first })
  }

  /// See `SinkDelivery.secretFaults`.
  package var secretFaults: [String: String] { delivery.secretFaults() }

  package func sink(_ id: String) -> SinkConfiguration? { configuration.sinks.first { $0.id == id } }

  /// Does an order, and returns when it is committed. Who wanted it is logged.
  ///
  /// - Throws: `CommandRefused`, or `StoreError`.
  package func obey(_ order: OutboxOrder, by: String) async throws -> OutboxAnswer {
    let answer = try await writer.obey(order)
    if case .refused(let why) = answer { throw CommandRefused(why) }
    if case .resume(let sink) = order { delivery.resume(sink: sink) }
    logger.notice("The outbox was told what to do", metadata: ["order": "\(order)", "by": "\(by)", "answer": "\(answer)"])
    return answer
  }

  /// Sends a test event to a sink, now. Who wanted it is logged.
  ///
  /// - Throws: `CommandRefused` where no such sink is configured.
  package func test(sink id: String, by: String) async throws -> SinkTest {
    guard let sink = sink(id) else { throw CommandRefused(unknownSink: id) }
    let test = try await SinkTest.run(
      sink, instance: configuration.instance, wallClock: { LiveClock.wall }, uptime: { SystemClock().monotonic })
    logger.notice(
      "A test event was sent",
      metadata: ["sink": "\(id)", "by": "\(by)", "status": "\(test.status.map(String.init) ?? "none")", "answer": "\(test.text)"])
    return test
  }

  /// A page of deliveries. See `OutboxTable.page`.
  package func deliveries(
    sink: String?, states: Set<DeliveryState>, after cursor: (sink: String, sequence: Int64)?, limit: Int
  ) async throws -> [DeliveryRecord] {
    try await reader.readAsync { db in try OutboxTable.page(sink: sink, states: states, after: cursor, limit: limit, in: db) }
  }

  /// See `OutboxTable.given`.
  package func given(to sink: String, after sequence: Int64, limit: Int) async throws -> [DeliveryRecord] {
    try await reader.readAsync { db in try OutboxTable.given(to: sink, after: sequence, limit: limit, in: db) }
  }

  /// The ways of one event, by sink; empty where none is kept.
  package func deliveries(of event: String) async throws -> [DeliveryRecord] {
    try await reader.readAsync { db in try OutboxTable.deliveries(of: event, in: db) }
  }
}

extension CommandRefused {
  init(_ refusal: OutboxRefusal) {
    switch refusal {
    case .unknownEvent, .unknownSink: self.init(kind: .notFound, words: "\(refusal)")
    case .notDead, .notStopped, .full, .damaged: self.init(kind: .conflict, words: "\(refusal)")
    }
  }

  package init(unknownSink id: String) { self.init(kind: .notFound, words: "no sink of the id \(id) is configured") }
}
