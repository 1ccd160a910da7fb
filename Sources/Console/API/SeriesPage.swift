import Gateway
import HTTPTypes
import Readings
import SeriesStore

/// A page of one series, as it is written: `{"device","metric","unit","points","next"}`, or CSV, of which the header `thuong-next` has what
/// is to be given as `after`.
struct SeriesPage: Sendable {
  var name: GatewayService.SeriesName
  var unit: String
  /// Steps are told in it; readings as they were sent.
  var scale: DecimalScale
  var isCSV: Bool

  func answer(_ readings: [Reading], withStatus: Bool, next: Cursor?) -> Answer {
    if isCSV {
      let lines = readings.map { "\($0.ts.milliseconds),\($0.hasValue ? JSONWriter.number($0.value) : ""),\($0.quality.text)" }
      return csv("value,status", lines, next)
    }
    return json(next) { json in
      for reading in readings {
        json.array { json in
          json.value(reading.ts.milliseconds)
          if reading.hasValue { json.value(reading.value) } else { json.null() }
          if withStatus { json.value(reading.quality.text) }
        }
      }
    }
  }

  func answer(_ buckets: [Bucket], _ function: AggregateFunction, next: Cursor?) -> Answer {
    var page = self
    page.unit = function.unit(of: unit)
    return page.answer(of: buckets, function, next)
  }

  private func answer(of buckets: [Bucket], _ function: AggregateFunction, _ next: Cursor?) -> Answer {
    if isCSV {
      return csv(function.rawValue, buckets.map { "\($0.start),\(JSONWriter.number(function.shown(of: $0, in: scale)))" }, next)
    }
    return json(next) { json in json.points(buckets, function, scale) }
  }

  private func json(_ next: Cursor?, _ points: (inout JSONWriter) -> Void) -> Answer {
    var json = JSONWriter(reserving: 16 << 10)
    json.object { json in
      json.field("device", name.device)
      json.field("metric", name.metric)
      json.field("unit", unit)
      json.field("points", array: points)
      json.field("next", next?.text)
    }
    return .json(json)
  }

  private func csv(_ columns: String, _ lines: [String], _ next: Cursor?) -> Answer {
    var text = "device,metric,ts,\(columns)\n"
    for line in lines { text += "\(name.device),\(name.metric),\(line)\n" }
    var answer = Answer.text(text, contentType: "text/csv; charset=utf-8")
    if let next, let field = HTTPField.Name("thuong-next") { answer.headers[field] = next.text }
    return answer
  }
}
