import DeviceRegistry
import Foundation
import Readings
import RuleEngine
import Testing

@Suite struct RuleFilesTests {
  static let congestion = """
    rules:
      - id: traffic-congestion
        name: {vi: "Ùn tắc giao thông", en: "Traffic congestion"}
        where: {domain: traffic, site: [bac-giang, viet-yen]}
        when: mean(speed, 5m) < 15 and mean(occupancy, 5m) > 35
        hold: 3m
        clear: mean(speed, 5m) > 22    # hysteresis
        clear_hold: 5m
        severity: major
        message: {vi: "{device.name}: tốc độ trung bình {mean(speed, 5m)} km/h", en: "{device.name}: {mean(speed, 5m)} km/h"}
        advice: {vi: "Điều tiết", en: "Direct traffic"}
    """

  private func rule(_ text: String) throws -> Rule {
    try #require(try RuleFiles.read(sources: [("r.yaml", text)], registry: try RuleWorkshop.town()).rules.first)
  }

  @Test("a rule is read with all its parts")
  func readsARule() throws {
    let rule = try rule(Self.congestion)
    #expect(rule.id == "traffic-congestion")
    #expect(rule.name == BilingualText(vi: "Ùn tắc giao thông", en: "Traffic congestion"))
    #expect(rule.when.source == "mean(speed, 5m) < 15 and mean(occupancy, 5m) > 35")
    #expect(rule.clear?.source == "mean(speed, 5m) > 22")
    #expect((rule.hold, rule.clearHold, rule.severity) == (180_000, 300_000, .major))
    #expect(rule.metrics == ["speed", "occupancy"])
    #expect(rule.headline == Rule.Headline(metric: "speed", text: "mean(speed, 5m)"))
    #expect(!rule.usesClock)
    #expect(rule.advice?.en == "Direct traffic")
  }

  @Test("the version follows what decides, not how it is written or what it is called")
  func versions() throws {
    let version = try rule(Self.congestion).version
    #expect(version.count == 12 && version.allSatisfy(\.isHexDigit))
    func changed(_ from: String, _ to: String) throws -> Bool {
      try rule(Self.congestion.replacingOccurrences(of: from, with: to)).version != version
    }
    #expect(try !changed("Traffic congestion", "Jam"))
    #expect(try !changed("mean(speed, 5m) < 15 and", "(mean(speed,300s)<15.0)  and"))
    #expect(try !changed("[bac-giang, viet-yen]", "[viet-yen, bac-giang]"))
    #expect(try !changed("hold: 3m", "hold: 180s"))
    for (from, to) in [
      ("< 15", "< 16"), ("hold: 3m", "hold: 4m"), ("> 22", "> 23"), ("clear_hold: 5m", "clear_hold: 6m"), ("major", "minor"),
      ("[bac-giang, viet-yen]", "bac-giang"), ("> 35", "> 35 or age(speed) > 1h"),
    ] { #expect(try changed(from, to), "\(from) → \(to)") }
  }

  @Test("a folder is read file by file, scenarios and other files apart, rules in order of id")
  func readsAFolder() throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("rules-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    func one(_ id: String) -> String { "rules: [{id: \(id), where: {domain: traffic}, when: age(speed) > 10m, severity: info}]" }
    try RuleWorkshop.write(
      ["b.yaml": one("b"), "a.yaml": one("z"), "c.scenario.yaml": "nonsense: [", "d.scenarios.yaml": "x", "other.csv": "a,b"], into: root)
    let book = try RuleFiles.load(directory: root, registry: try RuleWorkshop.town())
    #expect(book.rules.map(\.id) == ["b", "z"])
    #expect(book.warnings.isEmpty)
    #expect(book.rules[0].usesClock)
    #expect(book.index(of: "z") == 1)
  }

  @Test("files and folders that cannot be read are faults")
  func refusesUnreadable() throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("rules-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    #expect(throws: FileFaults.self) { try RuleFiles.load(directory: root, registry: try RuleWorkshop.town()) }
    try RuleWorkshop.write(["big.yaml": String(repeating: "# nothing\n", count: 110_000), "bad.yaml": "rules: ["], into: root)
    do throws(FileFaults) {
      _ = try RuleFiles.load(directory: root, registry: .empty)
      Issue.record("should not load")
    } catch {
      #expect(error.faults.count == 2)
      #expect(error.faults.contains { $0.message == "a file of rules has at most 1 MiB; split it" })
    }
  }
}
