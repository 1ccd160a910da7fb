import Foundation
import Readings
import Simulation
import Testing

/// `thuong query`, as somebody types it.
@Suite struct QueryCommandTests {
  /// 7 o'clock in Vietnam.
  private static let start = SmallTown.start

  /// A store of one detector: speeds at 0, 5, 10, 15 and 20 minutes, the third of them a fault.
  private struct Shop {
    let directory: TemporaryDirectory

    init() async throws {
      directory = try TemporaryDirectory(prefix: "thuong-query")
      try Bench.write(SmallTown.files, in: directory.path)
      let lines = (0..<5).map { place in
        let at = start + Int64(place) * 300_000
        let payload = "{\"ts\":\(at),\"values\":{\"speed\":\(20 + place).5,\"volume\":\(place)},\"status\":\"\(place == 2 ? "02" : "00")\"}"
        return "{\"at\":\(at),\"topic\":\"thuong/v1/bac-giang/traffic/k-1000/telemetry\",\"payload\":\(payload)}\n"
      }
      try lines.joined().write(toFile: "\(directory.path)/day.ndjson", atomically: true, encoding: .utf8)
      let replay = try await thuong(["replay", "\(directory.path)/day.ndjson"], [])
      #expect(replay.code == 0, "\(replay.text)")
    }

    func thuong(_ command: [String], _ arguments: [String]) async throws -> ThuongCommand {
      let files = ["--data", "\(directory.path)/data", "--devices", "\(directory.path)/Devices", "--rules", "\(directory.path)/Rules"]
      try FileManager.default.createDirectory(atPath: "\(directory.path)/data", withIntermediateDirectories: true)
      return try await ThuongCommand(command + files + arguments)
    }

    func query(_ arguments: String...) async throws -> ThuongCommand { try await thuong(["query"], arguments) }
  }

  @Test func `Readings and steps are told as text, CSV and JSON`() async throws {
    let shop = try await Shop()
    let readings = try await shop.query("k-1000/speed")
    #expect(readings.code == 0)
    #expect(
      readings.text == """
        k-1000/speed, km/h: 4 points
        2025-11-21T07:00:00+07:00          20.5  00
        2025-11-21T07:05:00+07:00          21.5  00
        2025-11-21T07:15:00+07:00          23.5  00
        2025-11-21T07:20:00+07:00          24.5  00

        """)
    let all = try await shop.query(
      "k-1000/speed", "--all", "--format", "csv", "--from", "2025-11-21T07:05:00+07:00", "--to", "\(Self.start + 900_000)")
    #expect(all.text == "device,metric,ts,value,status\nk-1000,speed,1763683500000,21.5,00\nk-1000,speed,1763683800000,22.5,02\n")
    let steps = try await shop.query("k-1000/speed", "k-1000/volume", "--step", "15m", "--fn", "max", "--format", "json")
    #expect(
      steps.text == """
        {"device":"k-1000","metric":"speed","unit":"km/h","points":[[1763683200000,21.5],[1763684100000,24.5]]}
        {"device":"k-1000","metric":"volume","unit":"1","points":[[1763683200000,1],[1763684100000,4]]}

        """)
    let day = try await shop.query(
      "k-1000/speed", "--step", "1d", "--fn", "count", "--format", "csv", "--from", "\(Self.start + 3_600_000)", "--to",
      "\(Self.start + 7_200_000)")
    #expect(day.text == "device,metric,ts,count\nk-1000,speed,1763658000000,4\n", "steps are whole ones, wherever the question begins")
    let mean = try await shop.query("k-1000/speed", "--step", "1h")
    #expect(mean.text == "k-1000/speed mean, km/h: 1 points\n2025-11-21T07:00:00+07:00          22.5\n")
  }

  @Test func `Numbers of steps have the metric's decimals and two more; what is exported is exact`() async throws {
    let shop = try await Shop()
    // The speed has one decimal. What these come to has digits that nobody measured: 26.837020000000003, 8.945673333333334.
    let lines = ["8.9", "8.9", "9.0"].enumerated().map { place, speed in
      let at = Self.start + 86_400_000 + Int64(place) * 60_000
      return
        "{\"at\":\(at),\"topic\":\"thuong/v1/bac-giang/traffic/k-1001/telemetry\",\"payload\":{\"ts\":\(at),\"values\":{\"speed\":\(speed)1234}}}\n"
    }
    try lines.joined().write(toFile: "\(shop.directory.path)/next.ndjson", atomically: true, encoding: .utf8)
    #expect(try await shop.thuong(["replay", "\(shop.directory.path)/next.ndjson"], []).code == 0)
    for (function, value) in [("mean", "8.946"), ("sum", "26.837"), ("max", "9.012"), ("count", "3")] {
      let csv = try await shop.query("k-1001/speed", "--step", "1h", "--fn", function, "--format", "csv")
      #expect(csv.lines.last?.split(separator: ",").last.map(String.init) == value, "\(function): \(csv.text)")
      let json = try await shop.query("k-1001/speed", "--step", "1h", "--fn", function, "--format", "json")
      #expect(json.text.contains(",\(value)]]"), "\(json.text)")
    }
    let exported = try await ThuongCommand.export("\(shop.directory.path)/data").readings.filter { $0.contains("k-1001") }
    #expect(exported.map { $0.contains(#""value":8.91234,"#) || $0.contains(#""value":9.01234,"#) } == [true, true, true], "\(exported)")
  }

  @Test func `Without --from the day before --to is told, and before the newest reading where that is left out, too`() async throws {
    let shop = try await Shop()
    let day: Int64 = 86_400_000
    for (to, count): (Int64, Int) in [
      (0, 0), (1, 1), (600_000, 2), (day, 4), (day + 300_000, 3), (day + 1_200_001, 0), (400 * day, 0),
    ] {
      let told = try await shop.query("k-1000/speed", "--to", "\(Self.start + to)", "--format", "csv")
      #expect(told.code == 0 && told.lines.count == count + 1, "--to \(to): \(told.text)")
    }
    let help = try await ThuongCommand(["query", "--help"])
    #expect(help.text.contains("Default: a day before --to."), "\(help.text)")
  }

  @Test func `What cannot be asked is told in a line, with what there is`() async throws {
    let shop = try await Shop()
    let metric = try await shop.query("k-1000/sped")
    #expect(metric.code == 2)
    #expect(metric.lines == ["thuong: no series k-1000/sped: k-1000 has volume, speed, occupancy; name it as device/metric"])
    let device = try await shop.query("k-9/speed")
    #expect(device.code == 2 && device.text.contains("no device k-9 has anything stored"))
    let bare = try await shop.query("k-1000")
    #expect(bare.code == 2 && bare.text.contains("k-1000 has volume, speed, occupancy"))
    let function = try await shop.query("k-1000/speed", "--fn", "max")
    #expect(function.code == 2 && function.text.contains("--fn needs --step"))
    let everything = try await shop.query("k-1000/speed", "--all", "--step", "1h")
    #expect(everything.code == 2 && everything.text.contains("leave --step out"))
    let backwards = try await shop.query("k-1000/speed", "--from", "10", "--to", "10")
    #expect(backwards.code == 2 && backwards.text.contains("--from is not before --to"))
    let nowhere = try await ThuongCommand(["query", "k-1000/speed", "--data", "\(shop.directory.path)/none"])
    #expect(nowhere.code == 3 && nowhere.lines.count == 1)
  }
}
