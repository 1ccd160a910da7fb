import Foundation
import Gateway
package import Outbox
package import Readings

/// `/api/v1/sinks`: how each IOC stands, what it was given, and what operators do for it.
struct SinkRoutes: Sendable {
  static let limitMax = 200
  static let limitUsual = 50

  let gateway: GatewayService

  /// Those that are configured, in the order of the configuration, then those that are gone from it and for which something waits.
  func list(_ call: Call) async throws -> Answer {
    let figures = try await gateway.sinkFigures()
    let now = LiveClock.wall
    return .list(next: nil) { json in
      for figures in figures { SinkDocument.write(gateway.sink(figures.sink), figures, now: now, to: &json) }
    }
  }

  func one(_ call: Call) async throws -> Answer { try await answer(sink(call)) }

  /// What was given to the sink after a sequence and is kept, in order of sequence: what waits, what was delivered, what is dead.
  func events(_ call: Call) async throws -> Answer {
    let sink = try sink(call)
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let after = try call.query.number("after") ?? 0
    let found = try await gateway.given(to: sink.id, after: after, limit: limit + 1)
    var json = JSONWriter(reserving: 64 << 10)
    json.object { json in
      json.field(
        "items",
        array: { json in
          for delivery in found.prefix(limit) {
            json.object { json in
              json.field("sequence", delivery.sequence)
              json.field("id", delivery.event)
              json.field("state", delivery.state.name)
              DeliveryDocument.write(body: delivery, to: &json)
            }
          }
        })
      json.field("next", found.count > limit ? String(found[limit - 1].sequence) : nil)
    }
    return .json(json)
  }

  /// A sink that was stopped goes on.
  func resume(_ call: Call) async throws -> Answer {
    let (sink, by) = (try sink(call), try by(call))
    do { _ = try await gateway.obey(.resume(sink: sink.id), by: by) } catch let refused as CommandRefused { throw Problem(refused) }
    return try await answer(sink)
  }

  /// Sends a test event now, and tells what the sink answered.
  func test(_ call: Call) async throws -> Answer {
    let (sink, by) = (try sink(call), try by(call))
    let test = try await gateway.test(sink: sink.id, by: by)
    var json = JSONWriter()
    json.object { json in
      json.field("taken", test.isTaken)
      test.write(to: &json)
    }
    return .json(json)
  }

  private func sink(_ call: Call) throws -> SinkConfiguration {
    guard let sink = gateway.sink(call.segment("id")) else { throw Problem.notFound("no sink of this id is configured") }
    return sink
  }

  private func by(_ call: Call) throws -> String { try JSONBody(call.body, known: ["by"]).text("by", most: AlertRoutes.nameMax) }

  private func answer(_ sink: SinkConfiguration) async throws -> Answer {
    let figures = try await gateway.sinkFigures().first { $0.sink == sink.id } ?? SinkFigures(neverUsed: sink.id)
    var json = JSONWriter()
    SinkDocument.write(sink, figures, now: LiveClock.wall, to: &json)
    return .json(json)
  }
}

/// A sink as JSON: what the API and `thuong sinks list --format json` show. Its URL may hold what is secret; its host is told.
package enum SinkDocument {
  /// - Parameter sink: nil where it is not in the configuration any longer.
  package static func write(_ sink: SinkConfiguration?, _ figures: SinkFigures, now: Timestamp, to json: inout JSONWriter) {
    json.object { json in
      json.field("id", figures.sink)
      json.field("host", sink?.host)
      json.field("state", figures.condition(now: now, behindAfter: sink?.behindAfter ?? .max).rawValue)
      json.field("created", figures.created)
      json.field("delivered", figures.delivered)
      json.field("dead", figures.dead)
      json.field("newestDeadAt", figures.newestDeadAt?.rfc3339)
      json.field("waiting", figures.waiting)
      json.field("lastSequence", figures.lastSequence)
      json.field("oldestWaitingSince", figures.oldestWaitingSince?.rfc3339)
      json.field("oldestSeconds", figures.age(now: now) / 1000)
      json.field("attempts", figures.attemptsOfOldest)
      json.field("lastError", figures.lastError)
      json.field("stopped", figures.stopped)
    }
  }
}
