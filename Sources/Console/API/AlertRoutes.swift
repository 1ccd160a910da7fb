import Alerting
import Gateway
import Readings

/// `/api/v1/alerts`: what was raised, newest first; and what operators say of it.
struct AlertRoutes: Sendable {
  static let listKeys = ["state", "severity", "site", "rule", "device", "limit", "after"]
  static let limitMax = 500
  static let limitUsual = 100
  static let noteMax = 1000
  static let nameMax = 200

  let gateway: GatewayService

  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let state = try call.query.word("state", of: AlertRecord.State.allCases.map(\.rawValue))
    let severity = try call.query.word("severity", of: Severity.allCases.map(\.name))
    let after = try call.query.cursor(.alerts).map(position)
    let filter = AlertFilter(
      state: state.flatMap(AlertRecord.State.init), severity: severity.flatMap { Severity(name: $0) }, site: call.query["site"],
      rule: call.query["rule"], device: call.query["device"])
    let found = try await gateway.alerts(filter, before: after, limit: limit + 1)
    let page = found.prefix(limit)
    let next = found.count > limit ? page.last.map { Cursor(.alerts, String($0.raisedAt.milliseconds), $0.id) } : nil
    return .list(next: next) { json in for alert in page { AlertDocument.write(alert, to: &json) } }
  }

  /// With its transitions.
  func one(_ call: Call) async throws -> Answer { try await answer(call.segment("id")) }

  func acknowledge(_ call: Call) async throws -> Answer { try await obey("ack", call) }

  func close(_ call: Call) async throws -> Answer { try await obey("close", call) }

  private func obey(_ verb: String, _ call: Call) async throws -> Answer {
    let id = call.segment("id")
    let body = try JSONBody(call.body, known: ["by", "note"])
    let (by, note) = (try body.text("by", most: Self.nameMax), try body.optionalText("note", most: Self.noteMax))
    var json = JSONWriter()
    json.object { json in
      json.field(verb, id)
      json.field("by", by)
      if let note { json.field("note", note) }
    }
    try await gateway.obeyed(json.bytes)
    return try await answer(id)
  }

  private func answer(_ id: String) async throws -> Answer {
    guard let alert = try await gateway.alert(id) else { throw Problem.notFound("no alert of this id is stored") }
    let transitions = try await gateway.transitions(of: id)
    var json = JSONWriter()
    AlertDocument.write(alert, transitions: transitions, to: &json)
    return .json(json)
  }

  private func position(_ fields: [String]) throws(Problem) -> (raisedAt: Int64, id: String) {
    guard let raisedAt = Int64(fields[0]), Timestamp.plausible.contains(raisedAt) else { throw .badCursor }
    return (raisedAt, fields[1])
  }
}

extension GatewayService {
  /// Does a command, and returns when it is committed.
  ///
  /// - Throws: `Problem` where it is refused.
  func obeyed(_ command: [UInt8]) async throws {
    do { try await obey(command) } catch let refused as CommandRefused { throw Problem(refused) }
  }
}

extension Problem {
  init(_ refused: CommandRefused) {
    switch refused.kind {
    case .malformed: self = .badBody(refused.words)
    case .notFound: self = .notFound(refused.words)
    case .conflict: self = .conflict(refused.words)
    }
  }
}
