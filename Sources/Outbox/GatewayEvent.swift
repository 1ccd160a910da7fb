import Alerting
package import Readings

/// Events about the gateway itself, not about an alert.
package enum GatewayEvent {
  /// A span in which continuity cannot be proved, told to every sink whatever its filter. `count` is how many things are missing,
  /// where known; `detectedAt` the clock when it was found. `number` tells gaps apart that say the same.
  package static func gap(
    instance: String, cause: String, from: Timestamp, to: Timestamp, count: Int64?, detail: String?, detectedAt: Timestamp,
    number: Int64? = nil
  ) -> EventRecord {
    let parts = [instance, "gap", cause, String(from.milliseconds), String(to.milliseconds), detail ?? ""]
    let id = AlertIdentity.derive(parts + (number.map { [String($0)] } ?? []))
    var json = JSONWriter()
    json.object { json in
      CloudEventHead(instance: instance, id: id, type: "vn.thuong.gateway.gap", subject: nil, time: detectedAt)
        .write(schema: "gap-1", into: &json)
      json.field(
        "data",
        object: { json in
          json.field("cause", cause)
          json.field("from", from.rfc3339)
          json.field("to", to.rfc3339)
          json.key("count")
          if let count { json.value(count) } else { json.null() }
          json.field("detail", detail)
        })
    }
    return EventRecord(id: id, recordedAt: detectedAt, site: nil, domain: nil, severity: nil, body: json.bytes)
  }

  /// The heartbeat to one sink: it is never stored and has no sequence. A receiver that hears none for ten minutes knows that the
  /// gateway or the way to it is broken, and `lastSequence` tells it what it ought to have.
  package static func alive(instance: String, sink: String, lastSequence: Int64, waiting: Int64, now: Timestamp) -> EventRecord {
    let id = AlertIdentity.derive([instance, "alive", sink, String(now.milliseconds)])
    var json = JSONWriter()
    json.object { json in
      CloudEventHead(instance: instance, id: id, type: "vn.thuong.gateway.alive", subject: nil, time: now)
        .write(schema: "alive-1", into: &json)
      json.field(
        "data",
        object: { json in
          json.field("sink", sink)
          json.field("lastSequence", lastSequence)
          json.field("waiting", waiting)
        })
    }
    return EventRecord(id: id, recordedAt: now, site: nil, domain: nil, severity: nil, body: json.bytes)
  }
}
