import Foundation
import Readings
import Simulation
import Testing

@Suite struct HanoiReplayTests {
  private struct Row {
    var ts: Timestamp
    var value: Double?
  }

  /// Real input: the hourly PM2.5 record of Hanoi, 2016 and 2017, with its real gaps and faults, through the real binary.
  @Test func `Alerts of a plain limit on the Hanoi record are the onsets computed from the file itself`() throws {
    let directory = try TemporaryDirectory(prefix: "thuong-hanoi")
    let rows = try Self.rows(in: directory.path)
    #expect(rows.count > 17_000)
    try Bench.write(Self.files, in: directory.path)
    try Self.writeTrace(rows, to: "\(directory.path)/hanoi.ndjson.gz")

    let events = "\(directory.path)/events.ndjson"
    let replay = try ChildProcess(
      Bench.executable,
      [
        "replay", "\(directory.path)/hanoi.ndjson.gz", "--devices", "\(directory.path)/Devices", "--rules", "\(directory.path)/Rules",
        "--events", events,
      ])
    replay.wait()
    #expect(replay.exitCode == 0)

    let told = try Self.transitions(in: events)
    let expected = Self.onsets(rows, limit: 150)
    print("Hanoi PM2.5 above 150 µg/m³: \(expected.raised.count) onsets, \(told.raised.count) alerts")
    #expect(expected.raised.count > 50)
    #expect(told.raised == expected.raised)
    #expect(told.cleared == expected.cleared)
  }

  /// The independent computation: above begins, at or below ends, hours without a valid value say nothing.
  private static func onsets(_ rows: [Row], limit: Double) -> (raised: [String], cleared: [String]) {
    var raised: [String] = []
    var cleared: [String] = []
    var isAbove = false
    for row in rows {
      guard let value = row.value, (value > limit) != isAbove else { continue }
      isAbove.toggle()
      if isAbove { raised.append(row.ts.rfc3339) } else { cleared.append(row.ts.rfc3339) }
    }
    return (raised, cleared)
  }

  private static func rows(in directory: String) throws -> [Row] {
    let text = "\(directory)/pm25.csv"
    try Data().write(to: URL(fileURLWithPath: text))
    let gzip = try ChildProcess(
      "/bin/gzip", ["-dc", Bench.root.appendingPathComponent("Tests/Fixtures/hanoi-pm25/pm25.csv.gz").path],
      output: FileHandle(forWritingAtPath: text))
    gzip.wait()
    return try String(contentsOfFile: text, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      let ts = try #require(Timestamp(rfc3339: "\(fields[0])+07:00"))
      return Row(ts: ts, value: Double(fields[1]))
    }
  }

  /// An hour without a valid value is sent as what it is: a fault, not a measured 0.
  private static func writeTrace(_ rows: [Row], to path: String) throws {
    let writer = try TraceWriter(file: URL(fileURLWithPath: path))
    for row in rows {
      let payload =
        row.value.map { "{\"ts\":\(row.ts.milliseconds),\"values\":{\"pm25\":\(JSONWriter.number($0))}}" }
        ?? "{\"ts\":\(row.ts.milliseconds),\"values\":{\"pm25\":null},\"status\":\"02\"}"
      try writer.append(
        .message(
          at: row.ts + 90_000, topic: "thuong/v1/ha-noi/environment/us-embassy/telemetry", payload: Array(payload.utf8), retain: false))
    }
    try writer.close()
  }

  private static func transitions(in file: String) throws -> (raised: [String], cleared: [String]) {
    var raised: [String] = []
    var cleared: [String] = []
    for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
      let event = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let time = try #require(event["time"] as? String)
      if event["type"] as? String == "vn.thuong.alert.raised" { raised.append(time) } else { cleared.append(time) }
    }
    return (raised, cleared)
  }

  private static let files = [
    "Devices/sites.yaml": "sites:\n  - {id: ha-noi, name: Hà Nội}\n",
    "Devices/wards.yaml": "wards: []\n",
    "Devices/profiles/embassy.yaml": """
    id: embassy
    domain: environment
    name: {vi: "Trạm không khí", en: "Air station"}
    interval: 1h
    codec: native
    metrics:
      pm25: {unit: µg/m³, range: [0, 1000], resolution: 0.1}

    """,
    "Devices/ha-noi.yaml": "devices:\n  - {id: us-embassy, profile: embassy, name: US Embassy, site: ha-noi}\n",
    "Rules/environment.yaml": """
    rules:
      - id: pm25-limit
        name: {vi: "PM2.5 vượt ngưỡng", en: "PM2.5 above the limit"}
        where: {domain: environment}
        when: last(pm25) > 150
        severity: major
        message: {vi: "{last(pm25)}", en: "{last(pm25)}"}

    """,
  ]
}
