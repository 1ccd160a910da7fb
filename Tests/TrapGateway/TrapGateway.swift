import Console
import Foundation
import Gateway
import Logging
import Readings
import ServiceLifecycle
import UnixSignals

/// `thuong serve` with a trap that the product does not have: a payload with `"trap"` in it, and a reading of 666, end the process.
///
///     TrapGateway CONFIG
@main struct Trap {
  static func main() async throws {
    let configuration = try ConfigurationFile.load(URL(fileURLWithPath: CommandLine.arguments[1]))
    let logger = Logger(label: "trap") { StreamLogHandler.standardError(label: $0) }
    let gateway = try GatewayService.open(configuration, logger: logger) { settings in
      settings.beforeStep = { payload in if payload.containsTrap { die() } }
      settings.beforeRecovered = { reading in if reading.value == 666 { die() } }
    }
    let console = ConsoleServer(gateway: gateway, logger: logger)
    let services = gateway.services(http: [console], ready: { _ = try await console.boundPort() })
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}

/// At once: a crash that is traced keeps the process for seconds.
private func die() { kill(getpid(), SIGKILL) }

extension UnsafeRawBufferPointer {
  /// Whether `"trap"` stands in it.
  fileprivate var containsTrap: Bool {
    let sign = Array("\"trap\"".utf8)
    guard count >= sign.count else { return false }
    return (0...(count - sign.count)).contains { start in self[start..<(start + sign.count)].elementsEqual(sign) }
  }
}
