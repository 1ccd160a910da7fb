package import DeviceRegistry
import Readings
package import RuleEngine

/// What a gateway has read of its devices and rules: replaced as a whole when they are loaded anew.
package struct GatewayFiles: Sendable {
  package let registry: Registry
  package let book: RuleBook
  /// How long raw readings of these devices are kept.
  let rawRetention: Milliseconds
  /// What is wrong with the plan of the store, or deserves a look; none of it keeps the gateway from serving.
  let warnings: [(message: String, warning: String)]
  /// Of the rules: the same where none of their behaviour has changed.
  package let version: String

  /// - Throws: `FileFaults` with every fault of every file.
  static func load(_ configuration: GatewayConfiguration) throws(FileFaults) -> GatewayFiles {
    let registry = try RegistryFiles.load(directory: configuration.devices)
    let book = try RuleFiles.load(directory: configuration.rules, registry: registry)
    let plan = StorePlan(configuration, registry)
    var warnings = configuration.faults(with: registry).map { (message: "Configuration", warning: "\($0)") }
    warnings += book.warnings.map { (message: "Rule file", warning: "\($0)") }
    if let fault = plan.fault { warnings.append((message: "The store's plan", warning: "\(fault)")) }
    return GatewayFiles(
      registry: registry, book: book, rawRetention: plan.raw, warnings: warnings, version: Self.version(of: book))
  }

  private static func version(of book: RuleBook) -> String {
    let text = Array(book.rules.map { "\($0.id) \($0.version)" }.joined(separator: "\n").utf8)
    let digits = String(text.withUnsafeBytes { ByteHash.of($0) }, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
