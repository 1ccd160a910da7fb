package import Alerting
package import Database
package import DeviceRegistry
import GRDB
package import Logging
package import Outbox
import Readings
package import RuleEngine
package import ServiceLifecycle
import Synchronization

/// The embeddable runtime: opens the store, starts the writer, delivers the outbox, takes the intake up. The command line and the tests boot this.
package final class GatewayService: Sendable {
  package let configuration: GatewayConfiguration
  /// What was read of devices and rules, and whether that is being done anew.
  private let files: Mutex<(now: GatewayFiles, isReloading: Bool)>
  private let adjust: @Sendable (inout EngineSettings) -> Void
  package let writer: Writer
  /// Read-only connections, beside the writer's.
  package let reader: StoreReader
  let delivery: SinkDelivery
  let logger: Logger

  /// Reads the files, locks the directory, opens the store, recovers.
  ///
  /// - Parameter adjust: changes the engine's settings before it is made; for tests.
  /// - Throws: `FileFaults` or `StoreError`.
  package static func open(
    _ configuration: GatewayConfiguration, logger: Logger, adjust: @escaping @Sendable (inout EngineSettings) -> Void = { _ in }
  ) throws -> GatewayService {
    let files = try GatewayFiles.load(configuration)
    for (message, warning) in files.warnings { logger.warning("\(message)", metadata: ["warning": "\(warning)"]) }
    let store = try GatewayStore(
      directory: configuration.dataDirectory, durability: configuration.durability, sinks: configuration.sinks.map(\.filter))
    store.bound(size: configuration.sizeMax)
    store.recordRetention = configuration.recordRetention
    store.file.reserve.take()
    if let copy = store.file.copyOfOlder {
      logger.notice("The store was of an older format; a copy of it as it was stays until it is removed", metadata: ["copy": "\(copy)"])
    }
    store.noteStart()
    if store.isCareful {
      logger.warning(
        "The last starts crashed before they had committed a message: taking one at a time",
        metadata: ["data": "\(configuration.dataDirectory)"])
    }
    let settings = settings(configuration, files, adjust)
    let engine = try store.openEngine(registry: files.registry, book: files.book, settings: settings)
    let bell = EventBell()
    let core = WriterCore(engine: engine, store: store, configuration: configuration, bell: bell, logger: logger)
    core.setAside(try store.mendOutbox(realNow: LiveClock.wall))
    return try GatewayService(configuration, files, adjust, core, bell, logger)
  }

  private static func settings(
    _ configuration: GatewayConfiguration, _ files: GatewayFiles, _ adjust: (inout EngineSettings) -> Void
  ) -> EngineSettings {
    var settings = files.settings(configuration)
    adjust(&settings)
    return settings
  }

  private init(
    _ configuration: GatewayConfiguration, _ files: GatewayFiles, _ adjust: @escaping @Sendable (inout EngineSettings) -> Void,
    _ core: sending WriterCore, _ bell: EventBell, _ logger: Logger
  ) throws(StoreError) {
    self.files = Mutex((files, false))
    (self.configuration, self.adjust, self.logger) = (configuration, adjust, logger)
    reader = try StoreReader(directory: configuration.dataDirectory)
    let writer = Writer(core)
    self.writer = writer
    delivery = SinkDelivery(
      sinks: configuration.sinks, instance: configuration.instance, reader: StoredOutbox(reader: reader),
      seed: UInt64(bitPattern: LiveClock.wall.milliseconds), logger: logger, wallClock: { LiveClock.wall },
      isClockTrusted: Self.isClockTrusted(writer), mark: { try await writer.record($0) })
    bell.listen { [delivery] given in delivery.notify(given) }
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
    [WriterService(gateway: self), DeliveryService(delivery: delivery), ControlServer(gateway: self, logger: logger)] + http
      + [IntakeService(gateway: self, ready: ready)]
  }
}

extension GatewayService {
  /// As of now: a reload replaces both. Whoever uses indices of one takes it once.
  package var registry: Registry { files.withLock { $0.now.registry } }
  package var book: RuleBook { files.withLock { $0.now.book } }
  package var rulesVersion: String { files.withLock { $0.now.version } }

  func settings(for files: GatewayFiles) -> EngineSettings { Self.settings(configuration, files, adjust) }

  /// False where a reload is under way.
  func beginReload() -> Bool {
    files.withLock { state in
      defer { state.isReloading = true }
      return !state.isReloading
    }
  }

  func endReload() { files.withLock { $0.isReloading = false } }

  func adopt(_ new: GatewayFiles) { files.withLock { $0.now = new } }
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

  func waiting(sink: String, sequences: [Int64]) async throws -> SinkBacklog {
    try await reader.readAsync { db in try OutboxTable.waiting(sink: sink, sequences: sequences, in: db) }
  }

  func figures(sink: String) async throws -> SinkFigures? {
    try await reader.readAsync { db in try OutboxTable.figures(in: db).first { $0.sink == sink } }
  }
}

extension GatewayService {
  /// Figures of the sinks, see `all(configured:)`.
  package func sinkFigures() async throws -> [SinkFigures] {
    let known = try await reader.readAsync { db in try OutboxTable.figures(in: db) }
    return known.all(configured: configuration.sinks.map(\.id))
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
