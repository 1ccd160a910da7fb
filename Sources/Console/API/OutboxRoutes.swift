import Foundation
import Gateway
package import Outbox
package import Readings

/// `/api/v1/outbox`: what was not delivered, and how it is sent again.
struct OutboxRoutes: Sendable {
  static let listKeys = ["sink", "state", "limit", "after"]
  static let limitMax = 500
  static let limitUsual = 100

  let gateway: GatewayService

  /// By sink and sequence; what waits and what is dead, unless one state is asked for.
  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let word = try call.query.word("state", of: DeliveryState.allCases.map(\.name))
    let states = word.map { word in DeliveryState.allCases.filter { $0.name == word } } ?? [.waiting, .dead]
    let after = try call.query.cursor(.outbox).map(position)
    let found = try await gateway.deliveries(sink: call.query["sink"], states: Set(states), after: after, limit: limit + 1)
    let page = found.prefix(limit)
    let next = found.count > limit ? page.last.map { Cursor(.outbox, $0.sink, String($0.sequence)) } : nil
    return .list(next: next) { json in for delivery in page { DeliveryDocument.write(delivery, to: &json) } }
  }

  func one(_ call: Call) async throws -> Answer { try await answer(call.segment("id")) }

  /// The event's dead letters wait again: at one sink, or at all that have one.
  func redrive(_ call: Call) async throws -> Answer {
    let id = call.segment("id")
    let body = try JSONBody(call.body, known: ["by", "sink"])
    let (by, sink) = (try body.text("by", most: AlertRoutes.nameMax), try body.optionalText("sink", most: 64))
    let order = OutboxOrder.redrive(event: id, sink: sink)
    do { _ = try await gateway.obey(order, by: by) } catch let refused as CommandRefused { throw Problem(refused) }
    return try await answer(id)
  }

  private func answer(_ id: String) async throws -> Answer {
    let deliveries = try await gateway.deliveries(of: id)
    guard !deliveries.isEmpty else { throw Problem.notFound("no event of this id is kept") }
    var json = JSONWriter()
    DeliveryDocument.write(event: deliveries, to: &json)
    return .json(json)
  }

  private func position(_ fields: [String]) throws(Problem) -> (sink: String, sequence: Int64) {
    guard let sequence = Int64(fields[1]) else { throw .badCursor }
    return (fields[0], sequence)
  }
}

/// Deliveries as JSON: what the API and `thuong outbox --format json` show.
package enum DeliveryDocument {
  package static func write(_ delivery: DeliveryRecord, to json: inout JSONWriter) {
    json.object { json in
      let headline = delivery.headline
      json.field("id", delivery.event)
      json.field("sink", delivery.sink)
      write(way: delivery, to: &json)
      json.field("type", headline.type)
      json.field("subject", headline.subject)
      json.field("severity", delivery.severity?.name)
      json.field("recordedAt", delivery.recordedAt.rfc3339)
    }
  }

  /// One event whole, with its way to each sink.
  ///
  /// - Parameter deliveries: of one event, one at least.
  package static func write(event deliveries: [DeliveryRecord], to json: inout JSONWriter) {
    json.object { json in
      json.field("id", deliveries[0].event)
      json.field("recordedAt", deliveries[0].recordedAt.rfc3339)
      json.field(
        "deliveries",
        array: { json in
          for delivery in deliveries {
            json.object { json in
              json.field("sink", delivery.sink)
              write(way: delivery, to: &json)
            }
          }
        })
      write(body: deliveries[0], to: &json)
    }
  }

  /// The event as it is sent; null where it is damaged.
  static func write(body delivery: DeliveryRecord, to json: inout JSONWriter) {
    json.key("event")
    if delivery.body.isEmpty { json.null() } else { json.raw(delivery.body) }
  }

  private static func write(way delivery: DeliveryRecord, to json: inout JSONWriter) {
    json.field("sequence", delivery.sequence)
    json.field("state", delivery.state.name)
    json.field("attempts", delivery.attempts)
    json.field("firstAt", delivery.firstAt.rfc3339)
    json.field("nextAt", delivery.state == .waiting ? delivery.nextAt.rfc3339 : nil)
    json.field("lastError", delivery.lastError)
  }
}
