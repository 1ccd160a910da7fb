import Alerting
import Readings

extension AlertEvent {
  /// The largest event that is sent, in bytes.
  package static let sizeMax = 65_536

  /// The CloudEvent, structured mode: the same bytes for the same event. Where it would be larger than `sizeMax`, the evidence is
  /// thinned evenly, first and last point kept, and at last left out. (The texts of rules are far below that size.)
  package func cloudEvent() -> [UInt8] {
    let whole = written(evidence: evidence)
    guard whole.count > AlertEvent.sizeMax else { return whole }
    let bare = written(evidence: [])
    var share = Double(AlertEvent.sizeMax - bare.count) / Double(whole.count - bare.count)
    while share > 0.001 {
      let thinned = written(evidence: evidence.map { $0.thinned(to: share) })
      if thinned.count <= AlertEvent.sizeMax { return thinned }
      share *= 0.9
    }
    return bare
  }

  private func written(evidence: [Evidence]) -> [UInt8] {
    var json = JSONWriter(reserving: 2048)
    json.object { json in
      CloudEventHead(instance: instance, id: id, type: "vn.thuong.alert.\(transition.rawValue)", subject: subject, time: time)
        .write(schema: "alert-1", into: &json)
      json.field(
        "data",
        object: { json in
          writeIdentity(into: &json)
          writePlace(into: &json)
          writeCondition(into: &json)
          writeTimes(into: &json)
          json.field("message", text: message)
          json.field("advice", text: advice)
          json.field("evidence", object: { json in for series in evidence { series.write(into: &json) } })
        })
    }
    return json.bytes
  }

  private func writeIdentity(into json: inout JSONWriter) {
    json.field("alert", alert)
    json.field("revision", revision)
    json.field("state", state.rawValue)
    json.field("severity", severity.name)
    json.field("late", late)
    json.field(
      "rule",
      object: { json in
        json.field("id", rule.id)
        json.field("version", rule.version)
        json.field("name", text: rule.name)
      })
  }

  private func writePlace(into json: inout JSONWriter) {
    json.field("site", site)
    json.field("zone", zone)
    json.key("ward")
    if let ward {
      json.object { json in
        json.field("code", ward.code)
        json.field("valid_from", ward.validFrom)
        json.field("name", ward.name)
      }
    } else {
      json.null()
    }
    json.key("device")
    if let device { device.write(into: &json) } else { json.null() }
    if let members {
      json.field("devices", array: { json in for id in members.devices.prefix(Members.listedMax) { json.value(id) } })
      json.field("deviceCount", members.count)
    }
  }

  private func writeCondition(into json: inout JSONWriter) {
    json.field("metric", metric)
    json.field("unit", unit)
    json.field("value", value.map { $0.rounded(toDecimals: decimals + 2) })
    json.field(
      "condition",
      object: { json in
        json.field("text", conditionText)
        json.field(
          "values",
          object: { json in
            for term in conditionValues { json.field(term.text, term.value.map { $0.rounded(toDecimals: term.decimals + 2) }) }
          })
      })
    json.key("limit")
    if let limit {
      json.object { json in
        json.field("regulation", limit.regulation)
        json.field("value", limit.value)
        json.field("unit", limit.unit)
        json.field("valid_from", limit.validFrom)
      }
    } else {
      json.null()
    }
    json.key("forecast")
    if let forecast { forecast.write(into: &json) } else { json.null() }
  }

  private func writeTimes(into json: inout JSONWriter) {
    json.field("breachedAt", breachedAt.rfc3339)
    json.field("raisedAt", raisedAt?.rfc3339)
    json.field("clearedAt", clearedAt?.rfc3339)
    json.field("detectedAt", detectedAt.rfc3339)
    json.key("acknowledged")
    if let acknowledged {
      json.object { json in
        json.field("by", acknowledged.by)
        json.field("at", acknowledged.at.rfc3339)
        json.field("note", acknowledged.note)
      }
    } else {
      json.null()
    }
  }
}

extension AlertEvent.Device {
  func write(into json: inout JSONWriter) {
    json.object { json in
      json.field("id", id)
      json.field("name", name)
      json.field("profile", profile)
      json.key("location")
      if let latitude, let longitude {
        json.object { json in
          json.field("lat", latitude)
          json.field("lon", longitude)
        }
      } else {
        json.null()
      }
    }
  }
}

extension AlertEvent.Forecast {
  func write(into json: inout JSONWriter) {
    json.object { json in
      json.field("metric", metric)
      json.field("limit", limit)
      json.field("crossesAt", crossesAt?.rfc3339)
      json.field("slopePerHour", slopePerHour.rounded(toDecimals: decimals + 2))
      json.field("fit", fit.rounded(toDecimals: 4))
    }
  }
}

extension AlertEvent.Evidence {
  func write(into json: inout JSONWriter) {
    json.field(
      metric,
      array: { json in
        for point in points {
          json.array { json in
            json.value(point.ts.milliseconds)
            json.value(point.value.rounded(toDecimals: decimals + 2))
          }
        }
      })
  }

  /// About that share of the points at even distances, the first and the last among them.
  func thinned(to share: Double) -> AlertEvent.Evidence {
    guard points.count > 2 else { return self }
    let kept = min(points.count, max(2, Int(Double(points.count) * share)))
    var thinned = self
    thinned.points = (0..<kept).map { points[$0 * (points.count - 1) / (kept - 1)] }
    return thinned
  }
}

extension JSONWriter {
  mutating func field(_ name: String, text: BilingualText?) {
    key(name)
    guard let text else { return null() }
    object { json in
      json.field("vi", text.vi)
      json.field("en", text.en)
    }
  }
}

/// The attributes that every event of ours begins with.
struct CloudEventHead {
  var instance, id, type: String
  var subject: String?
  var time: Timestamp

  func write(schema: String, into json: inout JSONWriter) {
    json.field("specversion", "1.0")
    json.field("id", id)
    json.field("source", "/thuong/\(instance)")
    json.field("type", type)
    if let subject { json.field("subject", subject) }
    json.field("time", time.rfc3339)
    json.field("datacontenttype", "application/json")
    json.field("dataschema", "/schemas/\(schema).json")
  }
}
