package import Alerting
package import Database
package import DeviceRegistry
import GRDB
package import Logging
package import Outbox
import Readings
package import RuleEngine
package import ServiceLifecycle

/// The embeddable runtime: opens the store, starts the writer, delivers the outbox, takes the intake up. The command line and the tests boot this.
package final class GatewayService: Sendable {
  package let configuration: GatewayConfiguration
  package let registry: Registry
  package let book: RuleBook
  package let writer: Writer
  /// Read-only connections, beside the writer's.
  package let reader: StoreReader
  private let delivery: SinkDelivery
  private let logger: Logger

  /// Reads the files, locks the directory, opens the store, recovers.
  ///
  /// - Parameter adjust: changes the engine's settings before it is made; for tests.
  /// - Throws: `FileFaults` or `StoreError`.
  package static func open(
    _ configuration: GatewayConfiguration, logger: Logger, adjust: (inout EngineSettings) -> Void = { _ in }
  ) throws -> GatewayService {
    let registry = try RegistryFiles.load(directory: configuration.devices)
    let book = try RuleFiles.load(directory: configuration.rules, registry: registry)
    for fault in configuration.faults(with: registry) { logger.warning("Configuration", metadata: ["warning": "\(fault)"]) }
    for warning in book.warnings { logger.warning("Rule file", metadata: ["warning": "\(warning)"]) }
    let store = try GatewayStore(
      directory: configuration.dataDirectory, durability: configuration.durability, sinks: configuration.sinks.map(\.filter))
    store.bound(size: configuration.sizeMax)
    if let copy = store.file.copyOfOlder {
      logger.notice("The store was of an older format; a copy of it as it was stays until it is removed", metadata: ["copy": "\(copy)"])
    }
    store.noteStart()
    if store.isCareful {
      logger.warning(
        "The last starts crashed before they had committed a message: taking one at a time",
        metadata: ["data": "\(configuration.dataDirectory)"])
    }
    let plan = StorePlan(configuration, registry)
    if let fault = plan.fault { logger.warning("The store's plan", metadata: ["warning": "\(fault)"]) }
    var settings = configuration.engine
    settings.rawRetention = plan.raw
    adjust(&settings)
    let engine = try store.openEngine(registry: registry, book: book, settings: settings)
    let bell = EventBell()
    let core = WriterCore(engine: engine, store: store, configuration: configuration, bell: bell, logger: logger)
    return try GatewayService(configuration, registry, book, core, bell, logger)
  }

  private init(
    _ configuration: GatewayConfiguration, _ registry: Registry, _ book: RuleBook, _ core: sending WriterCore, _ bell: EventBell,
    _ logger: Logger
  ) throws(StoreError) {
    (self.configuration, self.registry, self.book, self.logger) = (configuration, registry, book, logger)
    reader = try StoreReader(directory: configuration.dataDirectory)
    let writer = Writer(core)
    self.writer = writer
    delivery = SinkDelivery(
      sinks: configuration.sinks, instance: configuration.instance, reader: StoredOutbox(reader: reader),
      seed: UInt64(bitPattern: LiveClock.wall.milliseconds), logger: logger, wallClock: { LiveClock.wall },
      isClockTrusted: Self.isClockTrusted(writer), mark: { try await writer.record($0) })
    bell.listen { [delivery] in delivery.notify() }
  }

  /// A clock that is wrong from the start is found out when devices were heard: for ten minutes nobody knows.
  private static func isClockTrusted(_ writer: Writer) -> @Sendable () async -> Bool {
    let begun = SystemClock().monotonic
    return {
      guard SystemClock().monotonic - begun > 600_000 else { return false }
      let status = await writer.status()
      return status.intake == "up" && !status.isClockDoubtful
    }
  }

  /// In order of start, which is the order of dependency; they end in reverse: intake first, the writer last. What serves HTTP stands between.
  ///
  /// - Parameter ready: waited for before the broker is dialled: a gateway that cannot listen must not take another's session away.
  package func services(http: [any Service], ready: @escaping @Sendable () async throws -> Void = {}) -> [any Service] {
    [WriterService(gateway: self), DeliveryService(delivery: delivery)] + http + [IntakeService(gateway: self, ready: ready)]
  }

}

private struct WriterService: Service {
  let gateway: GatewayService

  func run() async throws {
    gateway.writer.start()
    let end: @Sendable () -> Void = { Task { await gateway.writer.end() } }
    try await withGracefulShutdownHandler {
      try await withTaskCancellationHandler {
        try await gateway.writer.waitForEnd()
      } onCancel: {
        end()
      }
    } onGracefulShutdown: {
      end()
    }
  }
}

private struct DeliveryService: Service {
  let delivery: SinkDelivery

  func run() async throws {
    try await cancelWhenGracefulShutdown { try await delivery.run() }
  }
}

private struct IntakeService: Service {
  let gateway: GatewayService
  let ready: @Sendable () async throws -> Void

  func run() async throws {
    guard (try? await ready()) != nil else {
      try? await gracefulShutdown()  // what is not ready says why itself
      return
    }
    await gateway.writer.startIntake()
    try? await gracefulShutdown()
    await gateway.writer.stopIntake()
  }
}

/// The outbox over a read-only connection.
private struct StoredOutbox: OutboxReader {
  let reader: StoreReader

  func waiting(sink: String, after sequence: Int64, limit: Int) async throws -> SinkBacklog {
    try await reader.readAsync { db in try OutboxTable.waiting(sink: sink, after: sequence, limit: limit, in: db) }
  }

  func figures(sink: String) async throws -> SinkFigures? {
    try await reader.readAsync { db in try OutboxTable.figures(in: db).first { $0.sink == sink } }
  }
}

extension GatewayService {
  /// Figures of every configured sink.
  package func sinkFigures() async throws -> [SinkFigures] {
    let known = try await reader.readAsync { db in try OutboxTable.figures(in: db) }
    return configuration.sinks.map { sink in known.first { $0.sink == sink.id } ?? SinkFigures(neverUsed: sink.id) }
  }

  /// A page of alerts, newest first. See `AlertTable.page`.
  package func alerts(
    _ filter: AlertFilter = AlertFilter(), before cursor: (raisedAt: Int64, id: String)?, limit: Int
  ) async throws -> [AlertRecord] {
    try await reader.readAsync { db in try AlertTable.page(filter, before: cursor, limit: limit, db) }
  }

  /// All transitions of an alert, in order.
  package func transitions(of alert: String) async throws -> [TransitionRecord] {
    try await reader.readAsync { db in try AlertTable.transitions(of: alert, db) }
  }

  /// The silences that are not over, in order of id.
  package func silences() async throws -> [Silence] { try await reader.readAsync { db in try SilenceTable.all(db) } }

  package func alert(_ id: String) async throws -> AlertRecord? {
    try await reader.readAsync { db in try AlertTable.alert(id, db) }
  }

  package func alertCounts() async throws -> [(state: String, severity: String, count: Int)] {
    try await reader.readAsync { db in try AlertTable.counts(db) }
  }
}
