import Foundation
import Simulation

/// Traces run offline by the real binary, in a directory of their own.
struct TraceRun {
  let directory: TemporaryDirectory

  /// - Parameter files: devices and rules.
  init(files: [String: String]) throws {
    directory = try TemporaryDirectory(prefix: "thuong-trace")
    try Bench.write(files, in: directory.path)
  }

  func path(_ name: String) -> String { "\(directory.path)/\(name)" }

  /// Runs traces of the directory into that store of the directory; also the events that it told, a line each.
  func replay(_ traces: [String], into store: String, batch: Int = 4096, under wrapper: [String] = []) async throws
    -> (command: ThuongCommand, events: [String])
  {
    let events = path("\(store).events")
    try? FileManager.default.removeItem(atPath: events)
    let command = try await ThuongCommand(
      ["replay"] + traces.map(path) + [
        "--devices", path("Devices"), "--rules", path("Rules"), "--data", path(store), "--batch", "\(batch)", "--events", events,
      ], under: wrapper)
    let told = (try? String(contentsOfFile: events, encoding: .utf8)) ?? ""
    return (command, told.split(separator: "\n").map(String.init))
  }

  func export(_ store: String) async throws -> (readings: [String], ended: ThuongCommand) { try await ThuongCommand.export(path(store)) }
}
