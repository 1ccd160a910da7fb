package import Database
package import DeviceRegistry

package import Foundation
package import MQTTIntake
package import Outbox
package import Readings
package import SeriesStore

/// Everything `thuong.yaml` and the environment say, checked.
package struct GatewayConfiguration: Sendable {
  package enum BrokerClock: Sendable { case gateway, sender }

  package struct HTTP: Sendable {
    package var host = "127.0.0.1"
    package var port = 8080
    /// The bearer token of the API; nil where none is configured, and then `/api` refuses everybody.
    package var token: String?
  }

  package var instance = "thuong"
  package var broker: MQTTEndpoint
  package var brokerClock = BrokerClock.gateway
  package var dataDirectory: String
  package var durability = Durability.full
  package var sizeMax: Int64 = 20 << 30
  /// Beyond it a reader that holds the store's write-ahead log pauses intake.
  package var logBytesMax: Int64 = 256 << 20
  package var rawRetention: Milliseconds = 400 * 86_400_000
  package var rollupRetention: [Resolution: Milliseconds] = [
    .quarterHour: 3 * 365 * 86_400_000, .hour: 10 * 365 * 86_400_000, .day: 30 * 365 * 86_400_000,
  ]
  /// Of alerts and events.
  package var recordRetention = RecordRetention()
  package var devices: URL
  package var rules: URL
  package var http = HTTP()
  package var sinks: [SinkConfiguration] = []
  package var messageSizeMax = 256 << 10
  /// See `EngineSettings`.
  package var unknownDevicesMax = 10_000

  /// What can never work with these devices: a sink whose filter names what nobody has gets nothing, and would not say so.
  package func faults(with registry: Registry) -> [FileFault] {
    sinks.flatMap { sink in
      let sites = sink.filter.sites.filter { site in !registry.sites.contains { $0.id == site } }.map { "site \($0)" }
      let domains = sink.filter.domains.filter { !registry.domains.contains($0) }.map { "domain \($0)" }
      return (sites + domains).map {
        FileFault(file: "sink \(sink.id)", message: "its filter names \($0), which no registered device has; nothing of it would be sent")
      }
    }
  }

  /// What the engine needs of it.
  package var engine: EngineSettings {
    var settings = EngineSettings(instance: instance)
    settings.messageSizeMax = messageSizeMax
    settings.rawRetention = rawRetention
    settings.rollupRetention = rollupRetention
    settings.unknownDevicesMax = unknownDevicesMax
    return settings
  }
}

extension GatewayConfiguration {
  /// Where a file and the environment leave something open: used by commands that take their folders as arguments.
  package static func defaults(base: URL) -> GatewayConfiguration {
    guard let broker = MQTTEndpoint(url: "mqtt://127.0.0.1:1883", clientID: "thuong") else {
      preconditionFailure("the default broker is a broker")
    }
    return GatewayConfiguration(
      broker: broker, dataDirectory: base.appendingPathComponent("var").path,
      devices: URL(fileURLWithPath: "Devices", relativeTo: base), rules: URL(fileURLWithPath: "Rules", relativeTo: base))
  }
}
