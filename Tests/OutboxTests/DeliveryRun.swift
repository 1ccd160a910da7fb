import Logging
import Outbox
import Readings

/// Runs deliveries for tests.
enum DeliveryRun {
  static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  /// A sink on this machine that tries again at once, one request at a time.
  static func sink(_ id: String, _ port: Int, scheme: String = "http", host: String = "127.0.0.1") throws -> SinkConfiguration {
    var sink = try SinkConfiguration(id: id, url: "\(scheme)://\(host):\(port)/\(id)", secrets: [Sample.secret], allowPrivate: true)
    sink.retry = RetryPolicy(first: 1, most: 4, giveUp: 86_400_000)
    sink.concurrency = 1
    return sink
  }

  /// Runs a delivery while `body` does.
  static func deliver(
    _ outbox: OutboxFile, _ sinks: [SinkConfiguration], logger: Logger = quiet, _ body: (SinkDelivery) async throws -> Void
  ) async throws {
    let delivery = SinkDelivery(
      sinks: sinks, instance: "bg-vy", reader: outbox, seed: 1, logger: logger, wallClock: Wall.now, mark: { try await outbox.apply($0) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await delivery.run() }
      try await body(delivery)
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  /// Delivers some events to one sink until all are settled, or until its figures are so; and tells them.
  @discardableResult
  static func deliver(
    _ count: Int, to sink: SinkConfiguration, logger: Logger = quiet, until holds: @escaping (SinkFigures) -> Bool = { $0.waiting == 0 }
  ) async throws -> SinkFigures {
    let outbox = try OutboxFile()
    try outbox.enqueue((1...count).map { Sample.record($0) }, to: [SinkFilter(sink: sink.id)])
    try await deliver(outbox, [sink], logger: logger) { _ in try await outbox.until(sink.id, holds) }
    return try outbox.figures().first ?? SinkFigures(neverUsed: sink.id)
  }
}
