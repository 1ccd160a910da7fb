import Console
import Foundation
import Gateway
import Logging
import Readings
import ServiceLifecycle
import UnixSignals

/// `thuong serve` with a trap that the product does not have: a payload with `"trap"` or `"overflow"` in it, and a reading of 666, crash the
/// process. With `killed` it is killed, as if from outside, with a payload with `"kill"` in hand, or a reading of 667.
///
///     TrapGateway CONFIG [killed]
@main struct Trap {
  static func main() async throws {
    let configuration = try ConfigurationFile.load(URL(fileURLWithPath: CommandLine.arguments[1]))
    let isKilled = CommandLine.arguments.last == "killed"
    let logger = Logger(label: "trap") { StreamLogHandler.standardError(label: $0) }
    let gateway = try GatewayService.open(configuration, logger: logger) { settings in
      settings.beforeStep = { payload in
        if isKilled, payload.contains("\"kill\"") { kill(getpid(), SIGKILL) }
        if payload.contains("\"trap\"") { fatalError("a trap") }
        if payload.contains("\"overflow\"") { _ = fill(stack: 0) }
      }
      settings.beforeRecovered = { reading in
        if reading.value == 666 { fatalError("a trap") }
        if isKilled, reading.value == 667 { kill(getpid(), SIGKILL) }
      }
    }
    let console = ConsoleServer(gateway: gateway, logger: logger)
    let services = gateway.services(http: [console], ready: { _ = try await console.boundPort() })
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }
}

/// Calls itself until the stack has run out.
@inline(never) private func fill(stack depth: Int) -> Int {
  withUnsafeTemporaryAllocation(of: Int.self, capacity: 512) {
    $0[depth & 511] = fill(stack: depth + 1); return $0[0] + depth
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func contains(_ text: StaticString) -> Bool {
    let sign = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    guard count >= sign.count else { return false }
    return (0...(count - sign.count)).contains { start in self[start..<(start + sign.count)].elementsEqual(sign) }
  }
}
