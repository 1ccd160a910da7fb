import ArgumentParser
import DeviceRegistry
import Foundation
import Gateway
import Logging
import Readings
import Simulation

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "A whole small city in front of you.",
    discussion: """
      Starts a private mosquitto, the gateway, a stand-in IOC and the simulated sensors of two towns, all on loopback, and prints each
      alert as the IOC receives it. Ctrl-C ends all of it. With --for it ends by itself, and exits 0 only if readings were stored and
      events of every domain arrived with valid signatures.
      """)

  @Option(name: .customLong("for"), help: "End after this time: 60s, 5m.", transform: TimeArgument.length)
  var length: Milliseconds?
  @Option(help: "How many times faster than life.")
  var speed = 120.0
  @Option(help: "The scenario; default: both towns.")
  var scenario: String?

  func validate() throws {
    guard (0.1...100_000).contains(speed) else { throw ValidationError("--speed is 0.1 to 100000") }
  }

  func run() async throws {
    let devices = DataFolder.find("Devices")
    let registry = try RegistryFiles.load(directory: devices)
    let file = scenario.map { URL(fileURLWithPath: $0) } ?? DataFolder.find("Simulator").appendingPathComponent("two-towns.yaml")
    let plan = try ScenarioFile.load(file, registry: registry)
    let demo = CityDemo(
      CityDemo.Plan(
        executable: "/proc/self/exe", devices: devices, rules: DataFolder.find("Rules"), registry: registry, scenario: plan, speed: speed,
        seconds: length.map { Double($0) / 1000 }))
    let signals = Interrupt.on { demo.stop() }
    defer { for signal in signals { signal.cancel() } }
    let summary = try await demo.run(logger: Log.logger("demo", level: .warning), say: { say($0) }, event: { say(EventLine.text($0)) })
    try report(summary)
  }

  private func report(_ summary: CityDemo.Summary) throws {
    let events = summary.events.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    print(
      "\(summary.published) messages published, \(summary.readingsStored) readings stored; events delivered with valid signatures: \(events.isEmpty ? "none" : events)"
    )
    // Ended by hand, an incomplete demo is no failure.
    guard length != nil, !summary.problems.isEmpty else { return }
    throw CommandFailure(code: 1, summary.problems.joined(separator: "\n"))
  }
}
