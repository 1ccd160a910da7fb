import Gateway
import Outbox

/// `/livez`, `/readyz` and `/metrics`: open, for probes and Prometheus.
struct HealthRoutes: Sendable {
  let gateway: GatewayService

  /// The process answers; nothing else is asked.
  func live(_ call: Call) async throws -> Answer { .text("ok\n") }

  /// 200 where readings are taken in, stored and told; else 503 with every reason.
  func ready(_ call: Call) async throws -> Answer {
    let status = try? await WriterQuestion.ask { [writer = gateway.writer] in await writer.status() }
    let sinks = try? await gateway.sinkFigures()
    return Readiness(
      status: status, sinks: sinks, secretFaults: gateway.secretFaults, behindAfter: gateway.behindAfter, now: LiveClock.wall
    ).answer
  }

  func metrics(_ call: Call) async throws -> Answer {
    let status = try await WriterQuestion.ask { [writer = gateway.writer] in await writer.status() }
    let sinks = try await gateway.sinkFigures()
    let alerts = try await gateway.alertCounts()
    return .text(
      GatewayMetrics(status: status, sinks: sinks, behindAfter: gateway.behindAfter, now: LiveClock.wall, alerts: alerts).text,
      contentType: "text/plain; version=0.0.4; charset=utf-8")
  }
}
