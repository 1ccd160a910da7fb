import ArgumentParser
import DeviceRegistry
import Foundation
import Gateway
import Logging
import Readings

/// Where configuration and files are; shared by the commands.
struct FileOptions: ParsableArguments {
  @Option(help: "The configuration. Default: thuong.yaml, where it exists.")
  var config: String?
  @Option(help: ArgumentHelp("The folder of device and profile files.", valueName: "dir"))
  var devices: String?
  @Option(help: ArgumentHelp("The folder of rule files.", valueName: "dir"))
  var rules: String?

  private var file: String? { config ?? (FileManager.default.fileExists(atPath: "thuong.yaml") ? "thuong.yaml" : nil) }
  var hasConfiguration: Bool { file != nil }

  /// - Parameter secrets: most commands need none.
  func load(secrets: SecretsWanted = .none) throws -> GatewayConfiguration {
    var configuration = try ConfigurationFile.load(file.map { URL(fileURLWithPath: $0) }, secrets: secrets)
    configuration.devices = devices.map { URL(fileURLWithPath: $0) } ?? DataFolder.find("Devices", configured: configuration.devices)
    configuration.rules = rules.map { URL(fileURLWithPath: $0) } ?? DataFolder.find("Rules", configured: configuration.rules)
    return configuration
  }
}

/// Folders that come with thuong: in the working directory of a checkout, or beside an installed binary.
enum DataFolder {
  static func find(_ name: String, configured: URL) -> URL {
    if FileManager.default.fileExists(atPath: configured.path) { return configured }
    let installed = Bundle.main.bundleURL.appendingPathComponent("../share/thuong/\(name)").standardized
    return FileManager.default.fileExists(atPath: installed.path) ? installed : configured
  }

  static func find(_ name: String) -> URL { find(name, configured: URL(fileURLWithPath: name)) }
}

/// Where the store is. What alerts and the outbox do with it stands beside their commands.
struct StoreOptions: ParsableArguments {
  @OptionGroup var files: FileOptions
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?

  func configuration(secrets: SecretsWanted = .none) throws -> GatewayConfiguration {
    var configuration = try files.load(secrets: secrets)
    if let data { configuration.dataDirectory = data }
    return configuration
  }
}

enum Log {
  /// Logs to stderr, in one line each; the level from THUONG_LOG_LEVEL.
  static func logger(_ label: String, level: Logger.Level = .info) -> Logger {
    var logger = Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = ProcessInfo.processInfo.environment["THUONG_LOG_LEVEL"].flatMap(Logger.Level.init(rawValue:)) ?? level
    return logger
  }
}
