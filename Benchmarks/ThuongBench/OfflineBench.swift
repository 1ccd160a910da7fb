import DeviceRegistry
import Foundation
import RuleEngine
import Simulation

/// Readings per CPU-second of `thuong replay`: decode, store, evaluate, in a process of its own.
struct OfflineBench {
  var hours: Double

  private struct Input {
    var what: String
    var trace: String
    var devices: String
    var rules: String
  }

  func run() async throws {
    say(Machine.heading("offline: thuong replay, a throw-away store"))
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let input = try cityDay(in: directory) ?? simulatedCity(in: directory)
    say("  \(input.what)")
    var rates: [Double] = []
    for _ in 0..<3 {
      let child = try ChildLines(["replay", input.trace, "--devices", input.devices, "--rules", input.rules], executable: Machine.thuong)
      var last = ""
      while let line = child.next() { last = line }
      child.process.wait()
      guard child.process.exitCode == 0, let rate = Self.rate(last) else { throw BenchFailure("thuong replay failed: \(last)") }
      say("  \(last)")
      rates.append(rate)
    }
    let median = Samples(rates).median
    Budgets.tell("offline/rate", median, places: 2)
  }

  /// "… 2.34 M readings per CPU-second"
  private static func rate(_ line: String) -> Double? {
    let words = line.split(separator: " ")
    return words.firstIndex(of: "M").flatMap { $0 > 0 ? Double(words[$0 - 1]) : nil }
  }

  // MARK: The benchmark day

  /// The benchmark day where its generator is there; nil elsewhere.
  private func cityDay(in directory: TemporaryDirectory) throws -> Input? {
    guard BenchDay.isHere, FileManager.default.fileExists(atPath: "\(BenchDay.folder)/city_rules.yaml") else { return nil }
    let (devices, trace, rules) = ("\(directory.path)/Devices", "\(directory.path)/day.ndjson", "\(directory.path)/Rules")
    try BenchDay.writeDevices(to: devices)
    try BenchDay.writeTrace(to: trace, hours: hours)
    let count = try Self.writeRules(into: rules, devices: devices)
    return Input(
      what: "benchmark day, \(Shown.decimals(hours, 1)) hours of 8,100 series, \(count.kept) of its \(count.all) rules", trace: trace,
      devices: devices, rules: rules)
  }

  /// Keeps the rules that this version can load.
  static func writeRules(into folder: String, devices: String) throws -> (kept: Int, all: Int) {
    let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: devices))
    var lines = try String(contentsOfFile: "\(BenchDay.folder)/city_rules.yaml", encoding: .utf8).components(separatedBy: "\n")
    func rules() -> Int { lines.filter { $0.contains("{id:") }.count }
    let all = rules()
    do {
      _ = try RuleFiles.read(sources: [(file: "rules.yaml", text: lines.joined(separator: "\n"))], registry: registry)
    } catch {
      for fault in error.faults where lines.indices.contains(fault.line - 1) { lines[fault.line - 1] = "" }
    }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try lines.joined(separator: "\n").write(toFile: "\(folder)/rules.yaml", atomically: true, encoding: .utf8)
    return (rules(), all)
  }

  // MARK: Elsewhere

  /// The checkout's own city, with its own rules.
  private func simulatedCity(in directory: TemporaryDirectory) throws -> Input {
    let trace = "\(directory.path)/day.ndjson"
    let child = try ChildLines(
      ["simulate", "Simulator/two-towns.yaml", "--devices", "Devices", "--out", trace, "--for", "\(max(1, Int(hours)))h"],
      executable: Machine.thuong)
    var said = ""
    while let line = child.next() { said = line }
    child.process.wait()
    guard child.process.exitCode == 0 else { throw BenchFailure("thuong simulate failed: \(said)") }
    return Input(
      what: "the simulated two towns, \(said) (a small city: the benchmark day is not here)", trace: trace, devices: "Devices",
      rules: "Rules")
  }
}
