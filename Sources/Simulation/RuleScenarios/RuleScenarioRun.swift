import Database
package import DeviceRegistry
package import Foundation
import Gateway
import Outbox
import Readings
import RuleEngine

/// Runs scenarios through the gateway's own engine, each into a throw-away store, and compares what is told with what was expected.
package struct RuleScenarioRun {
  private let rules: URL

  /// - Parameter rules: the folder of the rules, which are read for each scenario's own devices.
  package init(rules: URL) { self.rules = rules }

  /// - Returns: what is not as expected, each with its place; empty where all is.
  /// - Throws: `StoreError`, or where there is no temporary directory.
  package func faults(of scenario: RuleScenario) throws -> [FileFault] {
    let book: RuleBook
    do throws(FileFaults) { book = try RuleFiles.load(directory: rules, registry: scenario.registry) } catch {
      return error.faults.map { fault(scenario, scenario.place, "the rules do not load for its devices: \($0)") }
    }
    let unknown = (scenario.rules + scenario.expectations.map(\.rule)).filter { book.index(of: $0) == nil }
    if let id = unknown.first { return [fault(scenario, scenario.place, "there is no rule \(id)")] }
    let directory = try TemporaryDirectory(prefix: "thuong-scenario", inMemory: true)
    let store = try GatewayStore(directory: directory.path, durability: .normal, sinks: [])
    let engine = try store.openEngine(registry: scenario.registry, book: book, settings: EngineSettings(instance: "scenario"))
    var told: [EventSummary] = []
    for (at, step) in scenario.steps {
      guard let refusal = try take(step, at, engine, store, &told) else { continue }
      return [refusal].map { fault(scenario, $0.place, $0.words) }
    }
    engine.clock(at: scenario.end)
    try commit(engine, store, &told)
    return compare(scenario, told)
  }

  private typealias Refusal = (place: FileFault, words: String)

  private func take(
    _ step: RuleScenario.Step, _ at: Timestamp, _ engine: Engine, _ store: GatewayStore, _ told: inout [EventSummary]
  ) throws -> Refusal? {
    switch step {
    case .message(let topic, let payload):
      Array(topic.utf8).withUnsafeBytes { topic in
        payload.withUnsafeBytes { engine.message(MessageInput(topic: topic, payload: $0), at: at) }
      }
    case .action(.intake(let isUp), _): engine.intake(up: isUp, at: at)
    case .action(.command(let json), let place):
      return refusal(of: engine.command(Array(json.utf8), at: at), place)
    case .action(.ofAlert(let verb, let rule, let device, let rest), let place):
      engine.clock(at: at)
      try commit(engine, store, &told)
      let raised = told.last { event in
        event.transition == "raised" && event.rule == rule && (device.map { event.subject.hasSuffix("/\($0)") } ?? true)
      }
      guard let raised else { return (place, "\(rule) has raised no alert until \(at.withSeconds) that could be meant") }
      let fields = ["\"\(verb)\":\"\(raised.alert)\""] + rest.map { "\"\($0.key)\":\($0.json)" }
      let json = "{\(fields.joined(separator: ","))}"
      return refusal(of: engine.command(Array(json.utf8), at: at), place)
    }
    return nil
  }

  private func refusal(of outcome: CommandOutcome, _ place: FileFault) -> Refusal? {
    switch outcome {
    case .done: nil
    case .refused(let why): (place, "the command is refused: \(why)")
    case .unknown: (place, "no such command is known")
    }
  }

  private func commit(_ engine: Engine, _ store: GatewayStore, _ told: inout [EventSummary]) throws {
    told += try store.commit(engine, realNow: engine.clock ?? Timestamp(milliseconds: 0)).compactMap { EventSummary(json: $0.body) }
  }

  // MARK: Comparing

  private func compare(_ scenario: RuleScenario, _ told: [EventSummary]) -> [FileFault] {
    var found = told.filter { $0.transition != nil && (scenario.rules.isEmpty || scenario.rules.contains($0.rule)) }
    let missing = scenario.expectations.filter { expectation in
      guard let place = found.firstIndex(where: { expectation.isMet(by: $0) }) else { return true }
      found.remove(at: place)
      return false
    }
    var faults: [FileFault] = []
    for expectation in missing {
      // The nearest of the same kind is what the engineer wants to see.
      let alike = found.indices.filter { found[$0].rule == expectation.rule && found[$0].transition == expectation.transition }
      let nearest = alike.min { abs(found[$0].time - expectation.at) < abs(found[$1].time - expectation.at) }
      let instead = nearest.map { found.remove(at: $0) }.map { "found \($0.text)" } ?? "nothing of it was found"
      faults.append(fault(scenario, expectation.place, "expected \(expectation.text); \(instead)"))
    }
    return faults + found.map { fault(scenario, scenario.place, "not expected: \($0.text)") }
  }

  private func fault(_ scenario: RuleScenario, _ place: FileFault, _ words: String) -> FileFault {
    FileFault(file: place.file, line: place.line, column: place.column, message: "scenario \"\(scenario.name.en)\": \(words)")
  }
}

extension RuleScenario.Expectation {
  fileprivate func isMet(by event: EventSummary) -> Bool {
    event.time == at && event.rule == rule && event.transition == transition && (severity.map { $0.name == event.severity } ?? true)
      && (subject.map { event.subject == $0 || event.subject.hasSuffix("/\($0)") } ?? true)
  }

  fileprivate var text: String {
    ([at.withSeconds + " ", "alert.\(transition)", rule] + [severity?.name, subject].compactMap { $0 }).joined(separator: " ")
  }
}
