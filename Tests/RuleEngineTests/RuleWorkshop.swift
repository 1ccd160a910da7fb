import DeviceRegistry
import Foundation
import Readings
import RuleEngine
import SeriesStore

/// A small town, rules and readings to try them on.
struct RuleWorkshop: ~Copyable {
  let program: RuleProgram
  var evaluator: RuleEvaluator
  var heads = SeriesHeads()
  var registry: Registry { program.registry }

  /// - Parameter tables: such as limits.csv.
  init(rules: String, registry: Registry, tables: [(file: String, text: String)] = []) throws {
    let book = try RuleFiles.read(sources: [("Rules/test.yaml", rules)] + tables, registry: registry)
    var next = 0
    let series = registry.devices.indices.map { device in
      registry.profile(of: device).metrics.map { _ in
        defer { next += 1 }
        return SeriesID(next)
      }
    }
    self.init(program: RuleProgram(book: book, registry: registry, series: series))
  }

  /// No readings yet, over a program made before.
  init(program: RuleProgram) {
    self.program = program
    evaluator = RuleEvaluator(program: program)
    let count = program.registry.devices.indices.reduce(0) { $0 + program.registry.profile(of: $1).metrics.count }
    heads.addSeries(through: SeriesID(max(0, count - 1)))
  }

  private func series(_ device: Int, _ metric: Int) -> SeriesID {
    SeriesID((0..<device).reduce(0) { $0 + registry.profile(of: $1).metrics.count } + metric)
  }

  /// Stores a reading `ts` milliseconds after the epoch and tells the evaluator.
  mutating func put(_ device: Int = 0, _ metric: Int = 0, ts: Int64, _ value: Double, _ quality: Quality = .measuring) {
    let reading = Reading(series: series(device, metric), ts: Timestamp(milliseconds: ts), value: value, quality: quality)
    let outcome = heads.insert(reading)
    if outcome == .appended || outcome == .inserted { evaluator.inserted(device: device, metric: metric, reading: reading, heads: heads) }
  }

  mutating func verdict(_ binding: Int = 0, at t: Int64) -> Verdict {
    evaluator.evaluate(binding: binding, at: Timestamp(milliseconds: t), heads: heads)
  }

  mutating func values(_ binding: Int = 0, at t: Int64) -> [ConditionValue] {
    evaluator.values(of: binding, at: Timestamp(milliseconds: t), heads: heads)
  }

  mutating func message(_ binding: Int = 0, at t: Int64) -> BilingualText {
    evaluator.message(of: binding, at: Timestamp(milliseconds: t), heads: heads)
  }

  /// Two detectors, an air station and a cabinet, as an integrator would register them.
  static func town() throws -> Registry {
    try registry(files: [
      "profiles/traffic.yaml": """
      id: traffic-radar
      domain: traffic
      name: {vi: "Ra-đa giao thông", en: "Traffic radar"}
      interval: 60s
      metrics:
        speed:     {unit: km/h, range: [0, 250], resolution: 0.1}
        occupancy: {unit: "%", resolution: 0.01}
        door:      {unit: "1", report: on_change, resolution: 1}
      """,
      "profiles/air.yaml": """
      id: air-station
      domain: environment
      interval: 5m
      metrics:
        pm25: {unit: µg/m³, resolution: 0.1}
      """,
      "sites.yaml": "sites: [{id: bac-giang, name: Bắc Giang}, {id: viet-yen, name: Việt Yên}]",
      "wards.yaml": "wards: [{code: '07210', valid_from: 2025-07-01, name: Phường Bắc Giang}]",
      "town.yaml": """
      devices:
        - id: bg-tr-001
          profile: traffic-radar
          name: Hùng Vương – Lý Thái Tổ
          site: bac-giang
          zone: hung-vuong
          ward: {code: '07210', valid_from: 2025-07-01}
          attributes: {free_flow: 50, road: urban}
        - {id: vy-tr-001, profile: traffic-radar, site: viet-yen}
        - {id: vy-air-001, profile: air-station, site: viet-yen, interval: 10m}
      """,
    ])
  }

  /// One device `d` with metrics of the names and resolutions given, reporting once a second.
  static func oneDevice(metrics: String, interval: String = "1s") throws -> Registry {
    try registry(files: [
      "profiles/p.yaml": "id: p\ndomain: test\ninterval: \(interval)\nmetrics: {\(metrics)}\n",
      "sites.yaml": "sites: [{id: s}]", "d.yaml": "devices: [{id: d, profile: p, site: s}]",
    ])
  }

  static func registry(files: [String: String]) throws -> Registry {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("rule-tests-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try write(files, into: root)
    return try RegistryFiles.load(directory: root)
  }

  static func write(_ files: [String: String], into root: URL) throws {
    for (path, text) in files {
      let url = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: url, atomically: true, encoding: .utf8)
    }
  }
}
