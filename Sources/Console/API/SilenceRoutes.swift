import Alerting
import Foundation
import Gateway
import HTTPTypes
import Readings

/// `/api/v1/silences`: of which alerts nobody is told for a while.
struct SilenceRoutes: Sendable {
  let gateway: GatewayService

  /// Those that are not over, in order of id: all of them, as there are 1,000 at most.
  func list(_ call: Call) async throws -> Answer {
    let silences = try await gateway.silences()
    return .list(next: nil) { json in for silence in silences { AlertDocument.write(silence, to: &json) } }
  }

  /// The silence, and `by`; without an `id` it gets one.
  func set(_ call: Call) async throws -> Answer {
    let fields: Set<String> = ["id", "rule", "device", "zone", "site", "severity", "from", "until", "weekly", "note"]
    let body = try JSONBody(call.body, known: fields.union(["by"]))
    let by = try body.text("by", most: AlertRoutes.nameMax)
    let id = try body.optionalText("id", most: 64) ?? "s-\(UUID().uuidString.lowercased())"
    var json = JSONWriter()
    json.object { json in
      json.key("silence")
      json.raw(body.json(with: id, without: ["by"]))
      json.field("by", by)
    }
    try await gateway.obeyed(json.bytes)
    guard let silence = try await gateway.silences().first(where: { $0.id == id }) else {
      throw Problem.conflict("the silence is over already")
    }
    var answer = JSONWriter()
    AlertDocument.write(silence, to: &answer)
    return .json(answer, status: .created)
  }

  func remove(_ call: Call) async throws -> Answer {
    guard let by = call.query["by"], !by.isEmpty else { throw Problem.badQuery("\"by\" says who: DELETE …?by=Lan") }
    var json = JSONWriter()
    json.object { json in
      json.field("unsilence", call.segment("id"))
      json.field("by", by)
    }
    try await gateway.obeyed(json.bytes)
    return Answer(status: .noContent, contentType: "application/json", body: [])
  }
}
