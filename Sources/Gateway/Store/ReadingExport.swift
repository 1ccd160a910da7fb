import Database
package import Readings
import SeriesStore

/// How readings are written, one a line.
package enum ReadingFormat: String, CaseIterable, Sendable {
  /// `{"device","metric","ts","value","status"}`; `ts` in milliseconds, `value` null where nothing was measured.
  case ndjson
  /// `device,metric,ts,value,status`, after a line that says so; no value where nothing was measured.
  case csv
  /// InfluxDB's line protocol: measurement `reading`, tags device and metric, fields value and status, time in nanoseconds.
  case influx

  package var header: [UInt8] { self == .csv ? Array("device,metric,ts,value,status\n".utf8) : [] }
}

/// Everything stored, ring by ring, span by span, each series in order of ts. See `StoredReadings`.
package struct ReadingExport {
  private let directory: String

  package init(directory: String) { self.directory = directory }

  /// Calls `write` with whole lines, some at a time. Readings outside [from, to) are left out. Returns how many were written.
  ///
  /// - Throws: `StoreError` where there is no store in the directory; `.damaged` also where everything could be read and rows that were
  ///   committed before are not among it; what can be read of a damaged store is written first.
  package func run(
    from: Timestamp? = nil, to: Timestamp? = nil, format: ReadingFormat = .ndjson, write: ([UInt8]) throws -> Void
  ) throws -> Int {
    let stored = try StoredReadings(directory: directory)
    let first = from?.milliseconds ?? .min
    var lines = ReadingLines(format)
    let outcome = Result {
      try stored.visit(in: first..<max(first, to?.milliseconds ?? .max)) { series, chunk in
        lines.append(series, chunk)
        if lines.isLong { try write(lines.take()) }
      }
    }
    if !lines.isEmpty { try write(lines.take()) }
    try outcome.get()
    return lines.count
  }
}

private struct ReadingLines {
  private static let usual = 1 << 17
  private(set) var count = 0
  private let format: ReadingFormat
  /// NDJSON's lines; those of the others.
  private var json = JSONWriter(reserving: usual)
  private var text: [UInt8]

  init(_ format: ReadingFormat) { (self.format, text) = (format, format.header) }

  private var bytes: [UInt8] { format == .ndjson ? json.bytes : text }
  var isEmpty: Bool { bytes.isEmpty }
  var isLong: Bool { bytes.count > Self.usual / 2 }

  mutating func append(_ series: StoredSeries, _ chunk: SeriesChunk) {
    count += chunk.count
    // Ids and metric names have nothing that any of the formats would escape.
    let names = format == .csv ? "\(series.device),\(series.metric)," : "reading,device=\(series.device),metric=\(series.metric) "
    for place in chunk.times.indices {
      let (ts, value) = (chunk.times[place], chunk.column.values[place])
      let status = Quality(byte: chunk.column.qualities[place]).text
      let number = value.isNaN ? "" : JSONWriter.number(value)
      switch format {
      case .ndjson: append(series, ts, value, status)
      case .csv: text += "\(names)\(ts),\(number),\(status)\n".utf8
      case .influx: text += "\(names)\(value.isNaN ? "" : "value=\(number),")status=\"\(status)\" \(ts)000000\n".utf8
      }
    }
  }

  private mutating func append(_ series: StoredSeries, _ ts: Int64, _ value: Double, _ status: String) {
    json.object { line in
      line.field("device", series.device)
      line.field("metric", series.metric)
      line.field("ts", ts)
      line.field("value", value.isNaN ? nil : value)
      line.field("status", status)
    }
    json.endLine()
  }

  mutating func take() -> [UInt8] {
    defer {
      json = JSONWriter(reserving: Self.usual)
      text = []
    }
    return bytes
  }
}
