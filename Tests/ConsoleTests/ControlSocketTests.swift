import Foundation
import Gateway
import Glibc
import Readings
import Simulation
import Testing

@Suite struct ControlSocketTests {
  private func directory(_ town: TestTown) -> String { town.folder.appendingPathComponent("var").path }

  private func client(_ town: TestTown) async throws -> ControlClient {
    var found: ControlClient?
    try await eventually("the socket listens") {
      found = ControlClient(directory: directory(town))
      return found != nil
    }
    return try #require(found)
  }

  /// Asked on a thread of its own: the gateway answers on those of the tests.
  private func reply(_ town: TestTown, _ bytes: [UInt8]) async throws -> Result<[UInt8], ControlProblem> {
    let client = try await client(town)
    return await withCheckedContinuation { answered in
      Thread.detachNewThread {
        do throws(ControlProblem) { answered.resume(returning: .success(try client.reply(to: bytes))) } catch {
          answered.resume(returning: .failure(error))
        }
      }
    }
  }

  private func problem(_ town: TestTown, _ bytes: [UInt8]) async throws -> ControlProblem? {
    if case .failure(let problem) = try await reply(town, bytes) { problem } else { nil }
  }

  @Test func `the socket is its owner's alone, takes the place of a stale one, and goes with the gateway`() async throws {
    let town = try TestTown(broker: PrivateBroker.freePort())
    let path = "\(directory(town))/thuong.sock"
    try FileManager.default.createDirectory(atPath: directory(town), withIntermediateDirectories: true)
    try Data("left by a killed process".utf8).write(to: URL(fileURLWithPath: path))
    #expect(ControlClient(directory: directory(town)) == nil)
    try await RunningConsole.run(town) { _ in
      _ = try await client(town)
      var status = stat()
      #expect(stat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(ControlClient(directory: directory(town)) == nil)
  }

  @Test func `commands go through it, and what is refused says why`() async throws {
    let town = try TestTown(broker: PrivateBroker.freePort())
    try await RunningConsole.run(town) { console in
      let silence = #"{"silence":{"id":"s","device":["bg-tr-001"],"until":"2099-01-01T00:00:00+07:00"},"by":"Lan"}"#
      _ = try await reply(town, ControlRequest.command(Array(silence.utf8)).line).get()
      #expect(try await console.get("/api/v1/silences").items.count == 1)
      let refusals: [(String, ControlProblem.Kind)] = [
        (#"{"unsilence":"other","by":"Lan"}"#, .notFound), (#"{"ack":"x","by":"Lan"}"#, .notFound), (#"{"dance":1}"#, .malformed),
        (#"{"ack":"x"}"#, .malformed),
      ]
      for (command, kind) in refusals {
        let problem = try await problem(town, ControlRequest.command(Array(command.utf8)).line)
        #expect(problem?.kind == kind, "\(command): \(String(describing: problem))")
      }
      try town.write(rules: "rules: [{id: x}]")
      let problem = try await problem(town, ControlRequest.reload.line)
      #expect(problem?.kind == .badFiles && problem?.faults.isEmpty == false)
    }
  }

  @Test func `what is no request, or has no end, is answered and harms nobody`() async throws {
    let town = try TestTown(broker: PrivateBroker.freePort())
    try await RunningConsole.run(town) { _ in
      for text in ["", "\n", "no\n", "{}\n", #"{"reload":{},"record":{}}"# + "\n", #"{"reload":{"x":1}}"# + "\n"] {
        let problem = try await problem(town, Array(text.utf8))
        #expect(problem?.kind == .malformed, "\(text)")
      }
      let problem = try await problem(town, Array(repeating: 0x20, count: 140_000))
      #expect(problem?.detail.contains("at most 128 KB") == true, "\(String(describing: problem))")
      _ = try await reply(town, ControlRequest.reload.line).get()
    }
  }

  @Test func `a data directory with a path longer than a socket's address has a socket like others`() async throws {
    let town = try TestTown(broker: PrivateBroker.freePort())
    let deep = directory(town) + "/" + String(repeating: "d", count: 120)
    try town.setDataDirectory(deep)
    try await RunningConsole.run(town) { _ in
      try await eventually("the socket listens") { ControlClient(directory: deep) != nil }
    }
  }
}
