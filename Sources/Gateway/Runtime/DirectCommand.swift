import Database
import Foundation
package import Logging
package import Outbox

/// A command on a store that no gateway has open: by the gateway's own writer, without a connection to the broker.
package enum DirectCommand {
  /// Does it and commits. Time has gone on meanwhile, as at a start; what there is to tell waits for the next `serve`.
  ///
  /// - Throws: `CommandRefused`, `FileFaults` where devices or rules do not load, or `StoreError`.
  package static func run(_ command: [UInt8], _ configuration: GatewayConfiguration, logger: Logger) throws {
    try requireStore(configuration)
    let files = try GatewayFiles.load(configuration)
    let store = try store(configuration)
    let engine = try store.openEngine(registry: files.registry, book: files.book, settings: files.settings(configuration))
    let core = WriterCore(engine: engine, store: store, configuration: configuration, bell: EventBell(), logger: logger)
    var result: Result<CommandOutcome, StoreError>?
    core.submit(command) { result = $0 }
    _ = core.turn(0)
    if let failure = core.failure { throw failure }
    guard let outcome = try result?.get() else { throw StoreError.full }  // it would be tried again and again
    if let refused = CommandRefused(outcome) { throw refused }
  }

  /// Does an order of the outbox: devices, rules and readings have no part in it.
  ///
  /// - Throws: `CommandRefused`, or `StoreError`.
  package static func run(_ order: OutboxOrder, _ configuration: GatewayConfiguration) throws -> OutboxAnswer {
    try requireStore(configuration)
    let answer = try store(configuration).obey(order, realNow: LiveClock.wall)
    if case .refused(let why) = answer { throw CommandRefused(why) }
    return answer
  }

  private static func requireStore(_ configuration: GatewayConfiguration) throws {
    guard FileManager.default.fileExists(atPath: "\(configuration.dataDirectory)/\(StoreFile.name)") else {
      throw StoreError.unusable("\(configuration.dataDirectory): nothing was stored yet")
    }
  }

  private static func store(_ configuration: GatewayConfiguration) throws -> GatewayStore {
    try GatewayStore(
      directory: configuration.dataDirectory, durability: configuration.durability, sinks: configuration.sinks.map(\.filter))
  }
}
