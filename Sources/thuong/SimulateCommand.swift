import ArgumentParser
import DeviceRegistry
import Foundation
import Gateway
import Readings
import Simulation

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The simulated city, to a broker or to a trace.",
    discussion: "The same scenario, devices and seed give the same bytes. Scenarios are described in Simulator/README.md.")

  @Argument(help: "The scenario file.")
  var scenario: String
  @OptionGroup var files: FileOptions
  @Option(help: ArgumentHelp("Publish to this broker: mqtt://host:port", valueName: "url"))
  var to: String?
  @Option(help: "Write a trace (.ndjson, .gz, .zst).")
  var out: String?
  @Option(help: "Write what really happens, one incident a line.")
  var truth: String?
  @Option(help: "In place of the scenario's seed.")
  var seed: UInt64?
  @Option(help: "In place of the scenario's start.", transform: TimeArgument.instant)
  var from: Timestamp?
  @Option(name: .customLong("for"), help: "In place of the scenario's length.", transform: TimeArgument.length)
  var length: Milliseconds?
  @Option(help: "With --to: how many times faster than life, or max.")
  var speed = "1"

  func validate() throws {
    guard (to == nil) != (out == nil) else { throw ValidationError("name either --to mqtt://host:port or --out TRACE") }
    guard SimulationPace(text: speed) != nil else { throw ValidationError("--speed is a number such as 60, or max") }
  }

  func run() throws {
    let registry = try RegistryFiles.load(directory: try files.load().devices)
    let plan = try ScenarioFile.load(URL(fileURLWithPath: scenario), registry: registry)
    var city = CityModel(scenario: plan, registry: registry, seed: seed, start: from, length: length)
    if let truth { try write(city.truth, to: truth) }
    let count = try out.map { try trace(&city, to: $0) } ?? publish(&city)
    print("\(count) messages of \(registry.devices.count) devices, \(city.truth.count) incidents")
  }

  private func write(_ truth: [TruthRecord], to path: String) throws {
    let file = try EventFile(path)
    for record in truth { try file.append(record.json) }
    try file.close()
  }

  private func trace(_ city: inout CityModel, to path: String) throws -> Int {
    let writer = try TraceWriter(file: URL(fileURLWithPath: path))
    var count = 0
    while let message = city.next() {
      try writer.append(.message(at: message.at, topic: message.topic, payload: message.payload, retain: false))
      count += 1
    }
    try writer.close()
    return count
  }

  private func publish(_ city: inout CityModel) throws -> Int {
    guard let to, let address = BrokerAddress(url: to), let pace = SimulationPace(text: speed) else {
      throw CommandFailure(code: 2, "--to wants mqtt://host:port")
    }
    let publisher = try MQTTPublisher(address: address)
    return try TracePublishing.run(to: publisher, pace: pace) { city.next() }
  }
}
