import Foundation
import Simulation
import Testing

@Suite struct ReplayExpectTests {
  @Test func `a replay is compared with a golden file, and a diff says what is missing, unexpected and different`() async throws {
    let directory = try TemporaryDirectory(prefix: "thuong-expect")
    let place = directory.path
    try Bench.write(SmallTown.files, in: place)
    try SmallTown.write(SmallTown.messages(), to: "\(place)/trace.ndjson")
    let replay = ["replay", "\(place)/trace.ndjson", "--devices", "\(place)/Devices", "--rules", "\(place)/Rules"]
    let golden = "\(place)/golden.ndjson"
    #expect(try await ThuongCommand(replay + ["--events", golden]).code == 0)
    for extra in [[], ["--exact"], ["--exact", "--batch", "1"]] {
      let same = try await ThuongCommand(replay + ["--expect", golden] + extra)
      #expect(same.code == 0 && same.text.contains("8 events, as in"), "\(same.text)")
    }
    var lines = try String(contentsOfFile: golden, encoding: .utf8).split(separator: "\n").map(String.init)
    lines[0] = lines[0].replacing("\"severity\":\"major\"", with: "\"severity\":\"minor\"")
    lines.removeLast()
    try lines.joined(separator: "\n").appending("\n").write(toFile: golden, atomically: true, encoding: .utf8)
    let other = try await ThuongCommand(replay + ["--expect", golden])
    #expect(other.code == 1)
    #expect(other.text.contains("differs     21/11/2025 07:0") && other.text.contains("unexpected  21/11/2025"), "\(other.text)")
    #expect(other.text.contains("7 events expected, 8 found, 2 differences"), "\(other.text)")
    #expect(try await ThuongCommand(replay + ["--exact"]).code == 2)
    #expect(try await ThuongCommand(replay + ["--expect", "\(place)/none"]).code == 3)
  }

  @Test func `thuong check runs the scenarios beside the rules, and exits 1 with their places`() async throws {
    let directory = try TemporaryDirectory(prefix: "thuong-check")
    let place = directory.path
    try Bench.write(SmallTown.files, in: place)
    let scenario = """
      scenarios:
        - name: A jam
          device: k-1000
          data: [{for: 5s, speed: 45, occupancy: 10}, {for: 10s, speed: 5, occupancy: 60}]
          expect:
            - {at: 07:00:TT, rule: congestion}

      """
    let check = ["check", "--devices", "\(place)/Devices", "--rules", "\(place)/Rules"]
    try Bench.write(["Rules/traffic.scenarios.yaml": scenario.replacing("TT", with: "11")], in: place)
    let good = try await ThuongCommand(check)
    try Bench.write(["Rules/traffic.scenarios.yaml": scenario.replacing("TT", with: "14")], in: place)
    let bad = try await ThuongCommand(check)
    #expect(good.code == 0 && good.text.contains("1 rules, 1 scenarios run"), "\(good.text)")
    #expect(
      bad.code == 1 && bad.text.contains("traffic.scenarios.yaml:6:9: scenario \"A jam\": expected 21/11/2025 07:00:14"), "\(bad.text)")
  }
}
