import DeviceRegistry
import Simulation

/// Scenario files, of the simulated city and of rules: read, or refused with the places of their faults.
final class ScenarioHarness: Harness {
  static let name = "scenario"

  private let registry: Registry
  init() throws { registry = try FuzzTown.registry() }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: input, as: UTF8.self) else { return "faults" }
    var found = "faults"
    do throws(FileFaults) {
      let scenarios = try RuleScenarioFile.parse(text, name: "fuzz.scenarios.yaml", registry: registry)
      if !scenarios.isEmpty { found = "rules" }
    } catch {
      try check(error, text)
    }
    do {
      let scenario = try ScenarioFile.parse(text, name: "fuzz.yaml", registry: registry)
      found = "city"
      try promise(scenario.length > 0, "a scenario of \(scenario.length) ms")
      try promise(Set(scenario.incidents.map(\.id)).count == scenario.incidents.count, "an incident twice")
      var city = CityModel(scenario: scenario, registry: registry, seed: 5, start: nil, length: min(scenario.length, 120_000))
      var last = scenario.start
      for _ in 0..<50 {
        guard let message = city.next() else { break }
        try promise(message.at >= last, "messages go back in time")
        last = message.at
      }
    } catch let error as FileFaults {
      try check(error, text)
    }
    return found
  }

  private func check(_ error: FileFaults, _ text: String) throws {
    try promise(!error.faults.isEmpty, "refused without a fault")
    for fault in error.faults { try FaultPlace.check(fault, in: text) }
  }
}
