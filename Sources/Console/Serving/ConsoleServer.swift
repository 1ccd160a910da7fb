import Foundation
package import Gateway
import Glibc
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP face of a gateway: health and figures for machines, and the API behind its token.
///
/// It listens on `configuration.http` (port 0 takes a free one) and ends with its service group.
package struct ConsoleServer: Service {
  /// More connections wait until one ends. A quarter of the process' descriptors at most, and half of those that are free at the start: a
  /// crowd must not take the broker's, and whoever listens without a descriptor for who comes is woken for ever.
  static let connectionsMax = max(2, min(256, descriptorsMax / 4, (descriptorsMax - descriptorsUsed) / 2))
  static let idleSecondsMax: Int64 = 60
  static let headerBytesMax = 16 << 10

  private let http: GatewayConfiguration.HTTP
  private let responder: ConsoleResponder
  private let place = BoundPort()
  private let logger: Logger

  package init(gateway: GatewayService, logger: Logger) {
    http = gateway.configuration.http
    responder = ConsoleResponder(routes: Self.routes(of: gateway), token: http.token.map(BearerToken.init), logger: logger)
    self.logger = logger
  }

  /// The patterns of every route that answers GET and HEAD, such as `/api/v1/devices/{id}`.
  package var routes: [String] { responder.routes.filter { $0.method == .get }.map(\.pattern) }

  /// The routes that change something or take a body, such as `POST /api/v1/rules/check`.
  package var commands: [String] { responder.routes.filter { $0.method != .get }.map { "\($0.method.rawValue) \($0.pattern)" } }

  /// Waits until it listens, and tells the port. Throws where it ended without.
  package func boundPort() async throws -> Int { try await place.wait() }

  /// Serves until a graceful shutdown or its task's cancellation.
  ///
  /// - Throws: `ConsoleFault` where the address cannot be listened on.
  package func run() async throws {
    defer { place.end() }
    do {
      try await application.run()
    } catch  where !place.wasBound {
      throw ConsoleFault("http.listen \(http.host):\(http.port): cannot listen there (\(Self.reason(error))); is another gateway running?")
    }
  }

  private static var descriptorsMax: Int {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Int(clamping: limit.rlim_cur) : 256
  }

  private static var descriptorsUsed: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }

  private static func reason(_ error: any Error) -> String {
    (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
  }

  private var application: Application<CallbackResponder<BasicRequestContext>> {
    var quiet = logger
    quiet.logLevel = .critical  // what ends it is thrown; connections that are cut at the end are no news
    let limits = HTTP1Channel.Configuration.DecoderConfiguration(
      maxHeaderFieldSize: Self.headerBytesMax, maxHeaderListSize: Self.headerBytesMax, maxHeaderFieldCount: 100)
    return Application(
      responder: CallbackResponder { [responder] request, _ in await responder.respond(to: request) },
      server: .http1(configuration: .init(idleTimeout: .seconds(Self.idleSecondsMax), httpDecoderConfiguration: limits)),
      configuration: ApplicationConfiguration(
        address: .hostname(http.host, port: http.port), serverName: "thuong",
        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax, logger: quiet)),
      onServerRunning: { [place, logger, http] channel in
        guard let port = channel.localAddress?.port else { return }
        place.bind(port)
        logger.info("HTTP is up", metadata: ["address": "http://\(http.host):\(port)"])
      },
      logger: quiet)
  }
}

extension ConsoleServer {
  /// Every route there is.
  static func routes(of gateway: GatewayService) -> [Route] {
    let health = HealthRoutes(gateway: gateway)
    let devices = DeviceRoutes(gateway: gateway)
    let series = SeriesRoutes(gateway: gateway)
    let alerts = AlertRoutes(gateway: gateway)
    let silences = SilenceRoutes(gateway: gateway)
    let rules = RuleRoutes(gateway: gateway)
    return outboxRoutes(of: gateway) + [
      Route("/livez", health.live),
      Route("/readyz", health.ready),
      Route("/metrics", health.metrics),
      Route("/schemas/{file}", SchemaRoutes().one),
      Route("/api/v1/devices", keys: ["limit", "after"], devices.list),
      Route("/api/v1/devices/{id}", devices.one),
      Route("/api/v1/series", keys: SeriesRoutes.listKeys, series.list),
      Route("/api/v1/series/{device}/{metric}", keys: SeriesRoutes.pointKeys, series.points),
      Route("/api/v1/alerts", keys: AlertRoutes.listKeys, alerts.list),
      Route("/api/v1/alerts/{id}", alerts.one),
      Route("/api/v1/alerts/{id}/ack", method: .post, body: .json, alerts.acknowledge),
      Route("/api/v1/alerts/{id}/close", method: .post, body: .json, alerts.close),
      Route("/api/v1/silences", silences.list),
      Route("/api/v1/silences", method: .post, body: .json, silences.set),
      Route("/api/v1/silences/{id}", method: .delete, keys: ["by"], silences.remove),
      Route("/api/v1/rules", keys: ["limit", "after"], rules.list),
      Route("/api/v1/rules/check", method: .post, body: .yaml, rules.check),
      Route("/api/v1/rules/reload", method: .post, rules.reload),
    ]
  }

  private static func outboxRoutes(of gateway: GatewayService) -> [Route] {
    let (sinks, outbox) = (SinkRoutes(gateway: gateway), OutboxRoutes(gateway: gateway))
    return [
      Route("/api/v1/sinks", sinks.list),
      Route("/api/v1/sinks/{id}", sinks.one),
      Route("/api/v1/sinks/{id}/events", keys: ["after", "limit"], sinks.events),
      Route("/api/v1/sinks/{id}/resume", method: .post, body: .json, sinks.resume),
      Route("/api/v1/sinks/{id}/test", method: .post, body: .json, sinks.test),
      Route("/api/v1/outbox", keys: OutboxRoutes.listKeys, outbox.list),
      Route("/api/v1/outbox/{id}", outbox.one),
      Route("/api/v1/outbox/{id}/redrive", method: .post, body: .json, outbox.redrive),
    ]
  }
}

/// Why the console cannot serve, in one line for the operator.
package struct ConsoleFault: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
