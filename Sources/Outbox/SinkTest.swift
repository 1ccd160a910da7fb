import Alerting
package import Readings

/// A signed event of a type of its own, sent now to see whether a sink takes it: outside the outbox and the sequence.
package struct SinkTest: Sendable, Equatable {
  /// The HTTP status that the sink answered with; nil where it was not reached.
  package var status: Int?
  /// The beginning of its answer, or why it was not reached, in one line.
  package var text: String
  /// From the start of the attempt to the end of the answer.
  package var taken: Milliseconds

  package init(status: Int?, text: String, taken: Milliseconds) { (self.status, self.text, self.taken) = (status, text, taken) }

  /// Whether the sink would have taken an event.
  package var isTaken: Bool { status.map { (200...299).contains($0) } ?? false }

  /// Sends it as the delivery sends, over a connection of its own.
  ///
  /// - Parameters:
  ///   - wallClock: the machine's: signatures use real time.
  ///   - uptime: milliseconds of a clock that never steps.
  /// - Throws: `CancellationError`.
  package static func run(
    _ sink: SinkConfiguration, instance: String, wallClock: @escaping @Sendable () -> Timestamp, uptime: @Sendable () -> Milliseconds
  ) async throws -> SinkTest {
    let client = SinkClient(sink: sink, secrets: RotatingSecrets(of: sink, logger: nil), wallClock: wallClock)
    let event = GatewayEvent.test(instance: instance, sink: sink.id, now: wallClock())
    let began = uptime()
    let outcome = await client.post(id: event.id, body: event.body, sequence: nil)
    let taken = uptime() - began
    await client.shutdown()
    switch outcome {
    case .answered(let status, _, let text): return SinkTest(status: status, text: text, taken: taken)
    case .failed(let why): return SinkTest(status: nil, text: why, taken: taken)
    case nil: throw CancellationError()
    }
  }
}

extension GatewayEvent {
  /// See `SinkTest`.
  static func test(instance: String, sink: String, now: Timestamp) -> EventRecord {
    let id = AlertIdentity.derive([instance, "test", sink, String(now.milliseconds)])
    var json = JSONWriter()
    json.object { json in
      CloudEventHead(instance: instance, id: id, type: "vn.thuong.gateway.test", subject: nil, time: now)
        .write(schema: "test-1", into: &json)
      json.field(
        "data",
        object: { json in
          json.field("sink", sink)
          json.field("message", text: OperatorText.test(sink: sink))
        })
    }
    return EventRecord(id: id, recordedAt: now, site: nil, domain: nil, severity: nil, body: json.bytes)
  }
}
