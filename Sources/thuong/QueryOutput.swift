import DeviceRegistry
import Gateway
import Readings
import SeriesStore

/// What `thuong query` prints.
struct QueryOutput {
  private(set) var text = ""
  private let format: Query.Format
  private let registry: Registry?

  init(_ format: Query.Format, _ registry: Registry?) { (self.format, self.registry) = (format, registry) }

  mutating func write(_ series: StoredSeries, _ buckets: [Bucket], _ function: AggregateFunction) {
    let scale = metric(of: series)?.scale
    let points = buckets.map { bucket in
      Point(ts: bucket.start, value: scale.map { function.shown(of: bucket, in: $0) } ?? function.value(of: bucket), status: nil)
    }
    write(series, points, called: " \(function.rawValue)", unit: function.unit, column: "device,metric,ts,\(function.rawValue)")
  }

  mutating func write(_ series: StoredSeries, _ chunk: SeriesChunk, all: Bool) {
    let points = chunk.times.indices.filter { all || chunk.isGood($0) }.map { place in
      Point(ts: chunk.times[place], value: chunk.column.values[place], status: Quality(byte: chunk.column.qualities[place]).text)
    }
    write(series, points, called: "", unit: { $0 }, column: "device,metric,ts,value,status")
  }

  private struct Point {
    var ts: Int64
    /// NaN: nothing was measured.
    var value: Double
    var status: String?
  }

  private mutating func write(_ series: StoredSeries, _ points: [Point], called what: String, unit: (String) -> String, column: String) {
    let metric = metric(of: series)
    switch format {
    case .text:
      if !text.isEmpty { text += "\n" }
      text += "\(series.device)/\(series.metric)\(what)\(metric.map { ", \(unit($0.unit))" } ?? ""): \(points.count) points\n"
      for point in points {
        let number = point.value.isNaN ? "-" : JSONWriter.number(metric?.scale.shown(point.value) ?? point.value)
        let pad = String(repeating: " ", count: max(1, 14 - number.count))
        text += "\(Timestamp(milliseconds: point.ts).rfc3339)\(pad)\(number)\(point.status.map { "  \($0)" } ?? "")\n"
      }
    case .csv:
      if text.isEmpty { text = column + "\n" }
      for point in points {
        let number = point.value.isNaN ? "" : JSONWriter.number(point.value)
        text += "\(series.device),\(series.metric),\(point.ts),\(number)\(point.status.map { ",\($0)" } ?? "")\n"
      }
    case .json: writeJSON(series, points, metric.map { unit($0.unit) })
    }
  }

  private mutating func writeJSON(_ series: StoredSeries, _ points: [Point], _ unit: String?) {
    var json = JSONWriter()
    json.object { json in
      json.field("device", series.device)
      json.field("metric", series.metric)
      json.field("unit", unit)
      json.field(
        "points",
        array: { json in
          for point in points {
            json.array { json in
              json.value(point.ts)
              json.value(point.value)
              if let status = point.status { json.value(status) }
            }
          }
        })
    }
    text += json.text + "\n"
  }

  private func metric(of series: StoredSeries) -> Metric? {
    guard let registry, let device = registry.deviceIndex(series.device) else { return nil }
    return registry.profile(of: device).metrics.first { $0.name == series.metric }
  }
}
