import Alerting
import Gateway
import Readings

/// `/api/v1/alerts`: what was raised, newest first.
struct AlertRoutes: Sendable {
  static let states = ["raised", "cleared"]
  static let limitMax = 500
  static let limitUsual = 100

  let gateway: GatewayService

  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let state = try call.query.word("state", of: Self.states)
    let after = try call.query.cursor(.alerts).map(position)
    let filter = AlertFilter(state: state.flatMap(AlertRecord.State.init))
    let found = try await gateway.alerts(filter, before: after, limit: limit + 1)
    let page = found.prefix(limit)
    let next = found.count > limit ? page.last.map { Cursor(.alerts, String($0.raisedAt.milliseconds), $0.id) } : nil
    return .list(next: next) { json in for alert in page { write(alert, to: &json) } }
  }

  func one(_ call: Call) async throws -> Answer {
    guard let alert = try await gateway.alert(call.segment("id")) else { throw Problem.notFound("no alert of this id is stored") }
    var json = JSONWriter()
    write(alert, to: &json)
    return .json(json)
  }

  private func position(_ fields: [String]) throws(Problem) -> (raisedAt: Int64, id: String) {
    guard let raisedAt = Int64(fields[0]), Timestamp.plausible.contains(raisedAt) else { throw .badCursor }
    return (raisedAt, fields[1])
  }

  private func write(_ alert: AlertRecord, to json: inout JSONWriter) {
    json.object { json in
      json.field("id", alert.id)
      json.field("revision", alert.revision)
      json.field("state", alert.state)
      json.field("severity", alert.severity.name)
      json.field(
        "rule",
        object: { json in
          json.field("id", alert.rule)
          json.field("version", alert.ruleVersion)
        })
      json.field("subject", alert.subject)
      json.field("site", alert.site)
      json.field("domain", alert.domain)
      json.field("device", alert.device)
      json.field("breachedAt", alert.breachedAt.rfc3339)
      json.field("raisedAt", alert.raisedAt.rfc3339)
      json.field("clearedAt", alert.clearedAt?.rfc3339)
      json.field(
        "message",
        object: { json in
          json.field("vi", alert.message.vi)
          json.field("en", alert.message.en)
        })
    }
  }
}
