import ArgumentParser
import Console
import DeviceRegistry
import Foundation
import Gateway
import Logging
import RuleEngine
import ServiceLifecycle
import UnixSignals

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The gateway: broker in, alerts out.",
    discussion: """
      Subscribes to the broker, stores every reading, evaluates the rules, tells the IOCs, serves the API and its own state
      (/livez, /readyz, /metrics). A message is acknowledged only after everything it caused is committed.
      SIGTERM ends it within ten seconds; a second one does no harm. SIGHUP loads devices and rules anew; a file with a fault changes \
      nothing, and the log and /readyz name its place.
      """)

  @OptionGroup var files: FileOptions
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?

  func run() async throws {
    var configuration = try files.load(secrets: .all)
    if let data { configuration.dataDirectory = data }
    let logger = Log.logger("thuong")
    if !files.hasConfiguration {
      logger.warning("No thuong.yaml here: defaults, no sinks, no API token", metadata: ["broker": "mqtt://127.0.0.1:1883"])
    }
    let gateway = try GatewayService.open(configuration, logger: logger)
    let console = ConsoleServer(gateway: gateway, logger: logger)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: gateway.services(http: [console, HangupService(gateway: gateway)], ready: { _ = try await console.boundPort() }).map {
          service in
          // Where one fails the others end in order too: a server that is cancelled traps on a connection it has just accepted.
          .init(service: service, failureTerminationBehavior: .gracefullyShutdownGroup)
        },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    logger.info(
      "Serving",
      metadata: [
        "instance": "\(configuration.instance)", "devices": "\(gateway.registry.devices.count)", "rules": "\(gateway.book.rules.count)",
        "data": "\(configuration.dataDirectory)", "http": "\(configuration.http.host):\(configuration.http.port)",
      ])
    try await group.run()
    logger.info("Ended: everything acknowledged is committed")
  }
}

/// SIGHUP loads devices and rules anew; a terminal that closes does not end the gateway.
private struct HangupService: Service {
  let gateway: GatewayService

  func run() async throws {
    // The gateway logs what became of it.
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { _ = try? await gateway.reload() }
  }
}
