import Foundation
import Simulation

/// Broker, gateway and the stand-ins of one sink or two, all real processes.
struct DeliveryCity {
  let town: LedgerCity
  let ioc: IOCProcess
  /// The second sink's; the gateway knows of it only where it was asked for.
  let second: IOCProcess

  init(files: [String: String] = AlertTown.files, hasSecondSink: Bool = false) throws {
    let ports = (try LoopbackPort.free(), try LoopbackPort.free())
    town = try LedgerCity(files: files, clock: "sender", sinkURL: "http://127.0.0.1:\(ports.0)/ioc")
    ioc = try IOCProcess(directory: town.directory.path, port: ports.0)
    second = try IOCProcess(directory: town.directory.path, name: "second", port: ports.1)
    guard hasSecondSink else { return }
    let file = "\(town.directory.path)/thuong.yaml"
    let sink = "  - {id: second, url: \"http://127.0.0.1:\(ports.1)/second\", secret_file: sink.secret, allow_private: true}\n"
    try (try String(contentsOfFile: file, encoding: .utf8) + sink).write(toFile: file, atomically: true, encoding: .utf8)
  }

  func start() async throws -> ChildProcess { try await town.start() }

  /// Publishes the rounds of an `AlertTown`; each message is an event.
  func publish(_ rounds: Range<Int>, devices: Int = AlertTown.devices) throws {
    try town.publish(AlertTown.messages(rounds: rounds, devices: devices))
  }

  /// True once a figure of `/metrics` (without `thuong_`) of a sink has that value.
  func waits(for value: Double, of figure: String, sink: String = "ioc") async -> Bool {
    await Bench.wait(seconds: 60, every: .milliseconds(20)) {
      let text = await town.gateway.get("/metrics")?.body ?? ""
      return text.split(separator: "\n").contains("thuong_\(figure){sink=\"\(sink)\"} \(Int(value))")
    }
  }
}
