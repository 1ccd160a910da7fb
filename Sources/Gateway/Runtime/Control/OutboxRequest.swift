import Foundation
package import Outbox
package import Readings

/// What is asked of the outbox over the control socket, and its answers.
///
///     {"redrive":{"event":"…","sink":"…","by":"…"}}               `sink` may be left out: {"done":{"redriven":1,"next":null}}
///     {"redrive":{"sink":"…","since":1763…,"after":0,"by":"…"}}   a sink's dead letters; `since` may be left out, in ms. As long as `next`
///                                                                 is a number there are more, and it is the next `after`
///     {"resume":{"sink":"…","by":"…"}}                            {"done":{"waiting":12,"was":"HTTP 410"}}
///     {"test":{"sink":"…","by":"…"}}                              {"done":{"status":204,"text":"","milliseconds":12}}; status null: not reached
package enum OutboxRequest: Sendable, Equatable {
  case order(OutboxOrder, by: String)
  case test(sink: String, by: String)

  static let verbs = ["redrive", "resume", "test"]

  func write(to json: inout JSONWriter) {
    switch self {
    case .order(.redrive(let event, let sink), let by):
      json.field(
        "redrive",
        object: { json in
          json.field("event", event)
          if let sink { json.field("sink", sink) }
          json.field("by", by)
        })
    case .order(.redriveDead(let sink, let since, let after), let by):
      json.field(
        "redrive",
        object: { json in
          json.field("sink", sink)
          if let since { json.field("since", since.milliseconds) }
          json.field("after", after)
          json.field("by", by)
        })
    case .order(.resume(let sink), let by): Self.write("resume", sink, by, to: &json)
    case .test(let sink, let by): Self.write("test", sink, by, to: &json)
    }
  }

  private static func write(_ verb: String, _ sink: String, _ by: String, to json: inout JSONWriter) {
    json.field(
      verb,
      object: { json in
        json.field("sink", sink)
        json.field("by", by)
      })
  }

  /// - Returns: nil for what is none of these.
  init?(_ object: [String: Any]) throws(ControlProblem) {
    guard let verb = Self.verbs.first(where: { object[$0] != nil }), let fields = object[verb] as? [String: Any] else { return nil }
    var reader = FieldReader(fields)
    reader.allow(verb == "redrive" ? ["event", "sink", "since", "after", "by"] : ["sink", "by"])
    let (sink, event) = (reader.text("sink", most: 64), reader.text("event", most: AlertCommand.nameMax))
    let by = reader.text("by", most: AlertCommand.nameMax)
    if by == nil { reader.fault = reader.fault ?? "\"by\" says who" }
    if sink == nil, event == nil { reader.fault = reader.fault ?? "\"sink\" says which" }
    if let fault = reader.fault { throw .malformed(fault) }
    guard let by else { return nil }
    switch (verb, event, sink) {
    case ("redrive", let event?, _): self = .order(.redrive(event: event, sink: sink), by: by)
    case ("redrive", nil, let sink?):
      let since = (fields["since"] as? NSNumber).map { Timestamp(milliseconds: $0.int64Value) }
      self = .order(.redriveDead(sink: sink, since: since, after: (fields["after"] as? NSNumber)?.int64Value ?? 0), by: by)
    case ("resume", _, let sink?): self = .order(.resume(sink: sink), by: by)
    case (_, _, let sink?): self = .test(sink: sink, by: by)
    default: return nil
    }
  }
}

extension OutboxAnswer {
  /// What `done` holds.
  func write(to json: inout JSONWriter) {
    switch self {
    case .redriven(let count, let next):
      json.field("redriven", count)
      json.key("next")
      if let next { json.value(next) } else { json.null() }
    case .resumed(let waiting, let was):
      json.field("waiting", waiting)
      json.field("was", was)
    case .refused: preconditionFailure("what is refused is told as a problem")
    }
  }

  init?(_ done: [String: Any]) {
    if let count = done["redriven"] as? Int {
      self = .redriven(count: count, next: (done["next"] as? NSNumber)?.int64Value)
    } else if let waiting = (done["waiting"] as? NSNumber)?.int64Value, let was = done["was"] as? String {
      self = .resumed(waiting: waiting, was: was)
    } else {
      return nil
    }
  }
}

extension SinkTest {
  package func write(to json: inout JSONWriter) {
    json.key("status")
    if let status { json.value(status) } else { json.null() }
    json.field("text", text)
    json.field("milliseconds", taken)
  }

  init?(_ done: [String: Any]) {
    guard let text = done["text"] as? String, let taken = (done["milliseconds"] as? NSNumber)?.int64Value else { return nil }
    self.init(status: done["status"] as? Int, text: text, taken: taken)
  }
}

extension ControlClient {
  /// Does an order, and waits until it is committed.
  ///
  /// - Throws: `ControlProblem`.
  package func obey(_ order: OutboxOrder, by: String) throws(ControlProblem) -> OutboxAnswer {
    guard let answer = OutboxAnswer(try done(.outbox(.order(order, by: by)))) else { throw Self.noAnswer }
    return answer
  }

  /// Sends a test event to a sink, and waits for its answer.
  ///
  /// - Throws: `ControlProblem`.
  package func test(sink: String, by: String) throws(ControlProblem) -> SinkTest {
    guard let test = SinkTest(try done(.outbox(.test(sink: sink, by: by)))) else { throw Self.noAnswer }
    return test
  }

  private static let noAnswer = ControlProblem(.unavailable, "the gateway gave an answer that this version does not know")

  private func done(_ request: ControlRequest) throws(ControlProblem) -> [String: Any] {
    let line = try reply(to: request.line)
    return ((try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any])?["done"] as? [String: Any] ?? [:]
  }
}
