package import DeviceRegistry
import Readings
package import RuleEngine

/// What a gateway has read of its devices and rules: replaced as a whole when they are loaded anew.
package struct GatewayFiles: Sendable {
  package let registry: Registry
  package let book: RuleBook
  /// How long raw readings of these devices are kept.
  private let rawRetention: Milliseconds
  /// What is wrong with the plan of the store, or deserves a look; none of it keeps the gateway from serving.
  let warnings: [(message: String, warning: String)]
  /// Of the rules: the same where none of their behaviour has changed.
  package let version: String

  /// - Throws: `FileFaults` with every fault of every file.
  package static func load(_ configuration: GatewayConfiguration) throws(FileFaults) -> GatewayFiles {
    try loadForReload(configuration).files
  }

  /// Devices and rules, and the very texts that they were read from.
  ///
  /// - Throws: as `load`.
  static func loadForReload(_ configuration: GatewayConfiguration) throws(FileFaults) -> (files: GatewayFiles, reload: RecordedReload) {
    var (devices, rules): ([String: String], [String: String]) = ([:], [:])
    let registry = try RegistryFiles.load(directory: configuration.devices) { devices[$0] = $1 }
    let book = try RuleFiles.load(directory: configuration.rules, registry: registry) { rules[$0] = $1 }
    let files = GatewayFiles(configuration, registry, book)
    return (files, RecordedReload(version: files.version, devices: devices, rules: rules))
  }

  private init(_ configuration: GatewayConfiguration, _ registry: Registry, _ book: RuleBook) {
    let plan = StorePlan(configuration, registry)
    var warnings = configuration.faults(with: registry).map { (message: "Configuration", warning: "\($0)") }
    warnings += book.warnings.map { (message: "Rule file", warning: "\($0)") }
    if let fault = plan.fault { warnings.append((message: "The store's plan", warning: "\(fault)")) }
    (self.registry, self.book, self.warnings) = (registry, book, warnings)
    (rawRetention, version) = (plan.raw, Self.version(of: book))
  }

  /// How the engine behaves with them, live and in a replay: raw readings are kept for as long as the store's plan for these devices says.
  package func settings(_ configuration: GatewayConfiguration) -> EngineSettings {
    var settings = configuration.engine
    settings.rawRetention = rawRetention
    return settings
  }

  private static func version(of book: RuleBook) -> String {
    let text = Array(book.rules.map { "\($0.id) \($0.version)" }.joined(separator: "\n").utf8)
    let digits = String(text.withUnsafeBytes { ByteHash.of($0) }, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
