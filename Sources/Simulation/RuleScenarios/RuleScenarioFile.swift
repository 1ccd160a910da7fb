package import DeviceRegistry
package import Foundation
import Readings

/// Reads `Rules/*.scenarios.yaml`:
///
///     scenarios:
///       - name: Congestion is raised after its hold and cleared after clear_hold
///         rule: traffic-congestion          # one or a list: whose transitions are looked at; absent, all rules'
///         device: {profile: traffic-radar, site: bac-giang, attributes: {free_flow: 50}}
///         devices: [bg-tr-001, {…}]         # several: registered ones by id, or made for the scenario
///         start: 2025-11-21T07:00:00+07:00  # absent: 21/11/2025 07:00
///         data:                             # readings, one an interval of the profile's; of each device, or {device: […]}
///           - {for: 10m, speed: 45, occupancy: 12}
///           - {for: 5m, speed: [45, 8], occupancy: 60}         # from 45 down to 8
///           - {for: 10m, silent: true}
///           - {for: 20m, speed: 45, occupancy: null, status: "01", every: 30s}
///         commands:
///           - {at: 07:20, ack: traffic-congestion, by: Lan}    # also close, silence, unsilence, intake: down
///         expect:                           # [] where nothing may ring
///           - {at: 07:16, rule: traffic-congestion, transition: raised, severity: major}
///           - {at: +35m, transition: cleared}
///
/// A time is HH:mm or HH:mm:ss of the first such instant from the start on, `+35m` from the start, or RFC 3339.
package enum RuleScenarioFile {
  package static let suffix = ".scenarios.yaml"
  /// Scenarios of one file, at most.
  static let scenariosMax = 1000

  /// Every scenario of a folder of rules.
  ///
  /// - Throws: `FileFaults` with every fault of every file.
  package static func loadAll(directory: URL, registry: Registry) throws(FileFaults) -> [RuleScenario] {
    let faults = FaultList()
    var scenarios: [RuleScenario] = []
    for name in TextFiles.names(in: directory, suffix: suffix, faults: faults) {
      guard let file = TextFiles.yaml(directory.appendingPathComponent(name), faults: faults) else { continue }
      scenarios += read(file, registry: registry)
    }
    try faults.throwIfAny()
    return scenarios
  }

  /// The same from a text, which messages call `name`.
  package static func parse(_ text: String, name: String, registry: Registry) throws(FileFaults) -> [RuleScenario] {
    let faults = FaultList()
    let scenarios = YAMLValue(text: text, file: name, faults: faults).map { read($0, registry: registry) } ?? []
    try faults.throwIfAny()
    return scenarios
  }

  private static func read(_ file: YAMLValue, registry: Registry) -> [RuleScenario] {
    guard let map = file.mapping(keys: ["scenarios"]) else { return [] }
    guard let list = map["scenarios"] else {
      file.fault("\"scenarios\" is missing")
      return []
    }
    let entries = list.list() ?? []
    if entries.count > scenariosMax { list.fault("at most \(scenariosMax) scenarios a file; split it") }
    return entries.prefix(scenariosMax).compactMap { RuleScenarioReader($0, registry: registry).read() }
  }
}
