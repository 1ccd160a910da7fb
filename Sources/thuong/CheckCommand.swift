import ArgumentParser
import DeviceRegistry
import Foundation
import Gateway
import RuleEngine
import Simulation

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Validates every file and reports all faults at once.",
    discussion: """
      Reads the configuration, devices, profiles, sites, wards, rules and the simulator's scenarios, runs the scenarios beside the rules \
      (Rules/*.scenarios.yaml: a few lines of data in, expected transitions out) through the gateway's own engine, and says how long \
      readings and rollups of these devices are kept within max_size. Exits 1 where anything is wrong.
      """
  )

  @OptionGroup var files: FileOptions

  func run() throws {
    var faults: [FileFault] = []
    do {
      let configuration = try files.load(secrets: .all)
      try check(configuration, &faults)
    } catch let error as FileFaults {
      faults += error.faults
    }
    guard faults.isEmpty else {
      let count = faults.count == 1 ? "1 fault" : "\(faults.count) faults"
      throw CommandFailure(code: 1, faults.map(\.description).joined(separator: "\n") + "\n\(count) found")
    }
  }

  private func check(_ configuration: GatewayConfiguration, _ faults: inout [FileFault]) throws {
    let registry = try RegistryFiles.load(directory: configuration.devices)
    print(
      "\(configuration.devices.relativePath): \(registry.profiles.count) profiles, \(registry.devices.count) devices, \(registry.sites.count) sites, \(registry.wards.count) wards"
    )
    faults += configuration.faults(with: registry)
    let plan = StorePlan(configuration, registry)
    for line in plan.lines { print(line) }
    if let fault = plan.fault { faults.append(fault) }
    try checkRules(configuration.rules, registry, &faults)
    checkSimulator(registry, &faults)
  }

  /// The rules, and the scenarios beside them.
  private func checkRules(_ rules: URL, _ registry: Registry, _ faults: inout [FileFault]) throws {
    let book: RuleBook
    let scenarios: [RuleScenario]
    do throws(FileFaults) {
      book = try RuleFiles.load(directory: rules, registry: registry)
      scenarios = try RuleScenarioFile.loadAll(directory: rules, registry: registry)
    } catch {
      faults += error.faults
      return
    }
    for warning in book.warnings { FileHandle.standardError.write(Data("thuong: warning: \(warning)\n".utf8)) }
    let run = RuleScenarioRun(rules: rules)
    let progress = ProgressLine()
    for (number, scenario) in scenarios.enumerated() {
      faults += try run.faults(of: scenario)
      progress.show(Double(number + 1) / Double(scenarios.count), "scenarios")
    }
    progress.end()
    print("\(rules.relativePath): \(book.rules.count) rules, \(scenarios.count) scenarios run")
  }

  private func checkSimulator(_ registry: Registry, _ faults: inout [FileFault]) {
    let scenarios = DataFolder.find("Simulator")
    let noted = FaultList()
    guard FileManager.default.fileExists(atPath: scenarios.path) else { return }
    for name in TextFiles.names(in: scenarios, suffix: ".yaml", faults: noted) {
      do throws(FileFaults) {
        let scenario = try ScenarioFile.load(scenarios.appendingPathComponent(name), registry: registry)
        print("\(scenarios.relativePath)/\(name): \(scenario.incidents.count) incidents")
      } catch {
        // A scenario of other devices than those checked is not this check's business.
        if files.devices == nil { faults += error.faults }
      }
    }
    faults += noted.faults
  }
}
