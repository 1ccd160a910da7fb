import Database
import DeviceRegistry
import Foundation
import Gateway
import RuleEngine
import Simulation

/// How long the writer takes nothing in while devices and rules are loaded anew: the engine is made from the store, beside what a commit takes.
/// Reading the files is not in it: that is done beside the writer.
struct ReloadBench {
  var hours: Double
  var rounds: Int

  func run() throws {
    say(Machine.heading("reload: the benchmark day's devices and 43 rules, \(Shown.decimals(hours, 1)) hours of readings stored"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let replay = try Replay(in: directory.path)
    let rules = try String(contentsOfFile: "\(BenchDay.folder)/city_rules.yaml", encoding: .utf8)
    try rules.write(toFile: "\(replay.rules)/city.yaml", atomically: true, encoding: .utf8)
    let (trace, place) = ("\(directory.path)/day.ndjson", "\(directory.path)/store")
    try BenchDay.writeTrace(to: trace, hours: hours)
    say("  \(try replay.run(trace, into: place).said)")
    let store = try GatewayStore(directory: place, durability: .full, sinks: [])
    let settings = EngineSettings(instance: "bench")
    var (pauses, loads): ([Double], [Double]) = ([], [])
    let files = { try (RegistryFiles.load(directory: URL(fileURLWithPath: replay.devices)), URL(fileURLWithPath: replay.rules)) }
    let (registry, folder) = try files()
    var engine = try store.openEngine(
      registry: registry, book: try RuleFiles.load(directory: folder, registry: registry), settings: settings)
    for _ in 0..<rounds {
      let begun = Machine.nanoseconds
      let registry = try files().0
      let book = try RuleFiles.load(directory: folder, registry: registry)
      let loaded = Machine.nanoseconds
      engine = try store.remakeEngine(engine, registry: registry, book: book, settings: settings)
      pauses.append(Double(Machine.nanoseconds - loaded) / 1e6)
      loads.append(Double(loaded - begun) / 1e6)
    }
    let memory = "\(engine.headReadings) readings in memory, \(engine.openAlerts.count) alerts raised"
    Budgets.tell(
      "reload/pause", Samples(pauses).median, places: 0,
      ", at most \(Shown.decimals(Samples(pauses).largest, 0)); \(memory); files read beside it in \(Shown.decimals(Samples(loads).median, 0)) ms"
    )
  }
}
