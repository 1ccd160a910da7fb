import Foundation
import Simulation

/// `thuong replay --data`, in a process of its own.
struct Replay {
  let devices: String
  var rules: String
  let directory: String
  /// In place of the defaults.
  var configuration: String?

  /// Writes the benchmark day's devices; no rules.
  init(in directory: String) throws {
    (self.directory, devices, rules) = (directory, "\(directory)/Devices", "\(directory)/Rules")
    try BenchDay.writeDevices(to: devices)
    try FileManager.default.createDirectory(atPath: rules, withIntermediateDirectories: true)
  }

  struct Outcome {
    var said = ""
    var readings = 0
    var cpuSeconds = 0.0
    var seconds = 0.0
    /// Resident memory at its most, in MB.
    var peak = 0.0
  }

  @discardableResult
  func run(
    _ trace: String, into store: String, killAfter: Double? = nil, meanwhile: () -> Void = {}
  ) throws -> Outcome {
    let begun = Machine.nanoseconds
    let files = ["--devices", devices, "--rules", rules] + (configuration.map { ["--config", $0] } ?? [])
    let child = try ChildLines(["replay", trace, "--data", store] + files, executable: Machine.thuong)
    var outcome = Outcome()
    while child.process.isRunning {
      outcome.peak = max(outcome.peak, Machine.residentMegabytes(of: child.process.id).peak)
      outcome.seconds = Double(Machine.nanoseconds - begun) / 1e9
      if let limit = killAfter, outcome.seconds > limit { child.process.send(SIGKILL) }
      meanwhile()
      usleep(2000)
    }
    while let line = child.next() { outcome.said = line }
    guard killAfter != nil || child.process.exitCode == 0 else { throw BenchFailure("thuong replay failed: \(outcome.said)") }
    let words = outcome.said.split(separator: " ")
    outcome.cpuSeconds = words.firstIndex(of: "CPU,").flatMap { $0 > 2 ? Double(words[$0 - 3]) : nil } ?? 0
    outcome.readings = words.firstIndex(of: "readings").flatMap { Int(words[$0 - 1]) } ?? 0
    return outcome
  }
}
