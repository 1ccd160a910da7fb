import DeviceRegistry
import Foundation
import Readings
import RuleEngine
import SeriesStore
import Simulation

/// The cost of rule evaluation alone: the 43 rules of the benchmark day over readings in memory, by the reading.
///
/// Each minute every device sends all its metrics, as one message; each reading is inserted, then the rules are evaluated that the message
/// triggers. The same is done without rules, and taken away.
struct RulesBench {
  var hours: Double
  /// Nothing but one run at so many times the devices, for a profiler.
  var scale: Double?
  /// Of readings measured, fewer of many devices.
  var minutes = 100

  func run() throws {
    say(Machine.heading("rules: the benchmark day's rules alone, over readings in memory"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let columns = try BenchDay.columns(scale: 0.1)
    if let scale { return _ = try cost(scale: scale, hours: hours, columns) }
    say(MemoryLatency.text)
    let city = try (0..<5).map { _ in try cost(scale: 1, hours: hours, columns) }
    Budgets.tell("rules/reading", Samples(city).median, places: 0)
    // The same devices 1, 10 and 100 times, in turn: a machine's other work meets all alike.
    let scales = [0.1, 1, 10]
    var costs: [[Double]] = [[], [], []]
    for _ in 0..<5 { for (place, scale) in scales.enumerated() { costs[place].append(try cost(scale: scale, hours: 6.5, columns)) } }
    say(MemoryLatency.text)
    let medians = costs.map { Samples($0).median }
    Budgets.tell("rules/flatness", (medians.max() ?? .nan) / (medians.min() ?? .nan), places: 2)
  }

  /// Nanoseconds a reading. No series' memory grows in the minutes that are measured: after 406, 609, 913 and 1,369 readings it does.
  private func cost(scale: Double, hours: Double, _ columns: [BenchDay.Column]) throws -> Double {
    let minutes = Int(hours * 60)
    let from = max(0, minutes - Int((Double(self.minutes) / max(1, scale / 2)).rounded()))
    var spent: [Double] = []
    var readings = 0
    for isEvaluated in [false, true] {
      var town = try RulesTown(scale: scale, columns)
      for minute in 0..<from { town.take(minute, isEvaluated: false) }
      // Windows are made anew at first.
      town.take(from, isEvaluated: isEvaluated)
      let before = Machine.ownCPUSeconds
      readings = 0
      for minute in (from + 1)..<minutes { readings += town.take(minute, isEvaluated: isEvaluated) }
      spent.append((Machine.ownCPUSeconds - before) * 1e9 / Double(readings))
      if isEvaluated {
        say(
          "  \(town.deviceCount) devices, \(readings) readings: \(Shown.decimals(spent[0], 0)) ns to insert, \(Shown.decimals(spent[1] - spent[0], 0)) to evaluate; \(Shown.decimals(Double(town.stateBytes) / Double(town.deviceCount), 0)) bytes of windows a device, \(town.raised) raised"
        )
      }
    }
    return spent[1] - spent[0]
  }
}

/// Heads and rules of a town whose devices repeat those of the benchmark day.
private struct RulesTown: ~Copyable {
  private let program: RuleProgram
  private var evaluator: RuleEvaluator
  private var heads = SeriesHeads()
  /// By series, an index into the columns.
  private let columnOf: [Int]
  private let columns: [BenchDay.Column]
  private let firstSeries: [Int]
  private var isRaised: [Bool]

  init(scale: Double, _ columns: [BenchDay.Column]) throws {
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    try BenchDay.writeDevices(to: directory.path, scale: scale)
    let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: directory.path))
    let text = try String(contentsOfFile: "\(BenchDay.folder)/city_rules.yaml", encoding: .utf8)
    let book = try RuleFiles.read(sources: [("city_rules.yaml", text)], registry: registry)
    let known = Dictionary(grouping: columns.indices) { "\(columns[$0].domain)/\(columns[$0].metric)" }
    var series: [[SeriesID]] = []
    var columnOf: [Int] = []
    var firstSeries: [Int] = []
    for device in registry.devices.indices {
      let profile = registry.profile(of: device)
      firstSeries.append(columnOf.count)
      series.append(profile.metrics.indices.map { SeriesID(columnOf.count + $0) })
      columnOf += profile.metrics.compactMap { metric in
        known["\(profile.domain)/\(metric.name)"].map { $0[device % $0.count] }
      }
    }
    program = RuleProgram(book: book, registry: registry, series: series)
    evaluator = RuleEvaluator(program: program)
    heads.addSeries(through: SeriesID(columnOf.count - 1))
    (self.columns, self.columnOf, self.firstSeries) = (columns, columnOf, firstSeries + [columnOf.count])
    isRaised = Array(repeating: false, count: program.bindingCount)
  }

  var deviceCount: Int { program.registry.devices.count }
  var stateBytes: Int { evaluator.stateBytes }
  var raised: Int { isRaised.count { $0 } }

  /// One message of each device. Returns how many readings they hold.
  @discardableResult
  mutating func take(_ minute: Int, isEvaluated: Bool) -> Int {
    let ts = Timestamp(milliseconds: BenchDay.start + Int64(minute) * 60_000)
    for device in 0..<deviceCount {
      if isEvaluated { evaluator.expect(device: device, heads: heads) }
      if isEvaluated { evaluator.expectReadings(device: device, heads: heads) }
      for place in firstSeries[device]..<firstSeries[device + 1] {
        let reading = Reading(series: SeriesID(place), ts: ts, value: columns[columnOf[place]].values[minute], quality: .measuring)
        _ = heads.insert(reading)
        if isEvaluated { evaluator.inserted(device: device, metric: place - firstSeries[device], reading: reading, heads: heads) }
      }
      if isEvaluated { evaluate(device, at: ts) }
    }
    return columnOf.count
  }

  private mutating func evaluate(_ device: Int, at ts: Timestamp) {
    for binding in program.bindings(of: device) {
      let verdict = evaluator.evaluate(binding: binding, at: ts, heads: heads, needsClear: isRaised[binding])
      if verdict.when == .true { isRaised[binding] = true } else if verdict.clear == .true { isRaised[binding] = false }
    }
  }
}
