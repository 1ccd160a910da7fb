import DeviceRegistry
import Foundation
import Gateway
import Logging
import Outbox
import Readings
import RuleEngine
import TestSupport

/// The simulated town as the product reads it, once for all seeds.
struct SimulatedTownFiles: Sendable {
  let registry: Registry
  let book: RuleBook
  let configuration: GatewayConfiguration
  /// Two IOCs: one takes everything, one has a filter.
  let sinks = [SinkFilter(sink: "province"), SinkFilter(sink: "town", sites: ["s"], leastSeverity: .minor)]

  static let silence = Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() })

  init() throws {
    let directory = try SimulatedTown.directory()
    registry = try withExtendedLifetime(directory) { try RegistryFiles.load(directory: URL(filePath: directory.path)) }
    book = try RuleFiles.read(sources: [("Rules/town.yaml", SimulatedTown.rules)], registry: registry)
    configuration = GatewayConfiguration.defaults(base: URL(filePath: "/nowhere"))
  }
}
