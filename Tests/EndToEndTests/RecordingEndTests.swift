import Foundation
import Simulation
import TestSupport
import Testing

/// How `thuong record` may end before its time, and what is left of its trace then. One after the other: each waits for real processes.
@Suite(.serialized) struct RecordingEndTests {
  /// A gateway that runs, and a recording of it.
  private struct Scene {
    let city: QuietCity
    let gateway: ChildProcess
    var config: [String] { ["--config", "\(city.directory.path)/thuong.yaml"] }

    init() async throws {
      city = try QuietCity(prefix: "thuong-record")
      gateway = try city.gateway.start()
      #expect(await city.gateway.waitUntilReady(gateway))
    }

    func path(_ name: String) -> String { "\(city.directory.path)/\(name)" }

    /// - Parameter output: a file of the directory that gets what the recording says.
    func record(_ name: String, output: String, under wrapper: [String] = []) throws -> ChildProcess {
      try Data().write(to: URL(fileURLWithPath: path(output)))
      let command = wrapper + [Bench.executable, "record", "--to", path(name)] + config
      return try ChildProcess(command[0], Array(command.dropFirst()), output: FileHandle(forWritingAtPath: path(output)))
    }

    func text(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

    /// Publishes, some messages a second, until the recording has saved something.
    func publishUntilSaved(_ name: String) async throws {
      var speed = 40
      let isSaved = try await Bench.wait(seconds: 60, every: .milliseconds(100)) {
        speed += 1
        try city.publish(#"{"values":{"speed":\#(speed)}}"#)
        return ((try? Data(contentsOf: URL(fileURLWithPath: path(name))))?.count ?? 0) > 100
      }
      #expect(isSaved, "a running recording is saved every second")
    }

    func end() {
      gateway.end()
      city.broker.end()
    }
  }

  private static func stored(_ replay: ThuongCommand) -> Int {
    replay.text.matches(of: /(\d+) readings stored/).first.flatMap { Int($0.1) } ?? -1
  }

  @Test(arguments: ["t.ndjson", "t.ndjson.gz", "t.ndjson.zst"])
  func `what a recording had saved can be replayed where it is killed`(_ name: String) async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let killed = try scene.record(name, output: "killed.out")
    try await scene.publishUntilSaved(name)
    killed.send(SIGKILL)
    killed.wait()
    let part = try await ThuongCommand(["replay", scene.path(name)] + scene.config)
    #expect(Self.stored(part) >= 1 && part.code == (name.hasSuffix("ndjson") ? 0 : 3), "\(part.text)")
  }

  @Test func `the trace of a gateway that is killed is whole up to there`() async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let left = try scene.record("t.ndjson.zst", output: "left.out")
    defer { left.end() }
    try await scene.publishUntilSaved("t.ndjson.zst")
    scene.gateway.send(SIGKILL)
    left.wait()
    #expect(left.exitCode == 6 && scene.text("left.out").contains("the gateway has ended"), "\(scene.text("left.out"))")
    let whole = try await ThuongCommand(["replay", scene.path("t.ndjson.zst")] + scene.config)
    #expect(whole.code == 0 && Self.stored(whole) >= 1, "\(whole.text)")
  }

  @Test(arguments: ["t.ndjson", "t.ndjson.gz", "t.ndjson.zst"])
  func `a second recording into the same file is refused and touches nothing; a closed terminal ends the first in good order`(
    _ name: String
  ) async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let first = try scene.record(name, output: "first.out")
    defer { first.end() }
    try await scene.publishUntilSaved(name)
    let second = try await ThuongCommand(["record", "--to", scene.path(name), "--for", "1h"] + scene.config)
    #expect(second.code == 6 && second.lines.count == 1 && second.text.contains("another recording is running"), "\(second.text)")
    try scene.city.publish(#"{"values":{"speed":7}}"#)
    first.send(SIGHUP)
    first.wait()
    #expect(first.exitCode == 0, "\(scene.text("first.out"))")
    let replay = try await ThuongCommand(["replay", scene.path(name)] + scene.config)
    #expect(replay.code == 0 && Self.stored(replay) >= 1, "\(replay.text)")
  }

  @Test(arguments: ["t.ndjson", "t.ndjson.zst"])
  func `a trace that finds no room is an error of one line, and can be replayed up to there`(_ name: String) async throws {
    let scene = try await Scene()
    defer { scene.end() }
    let child = try scene.record(name, output: "full.out", under: ["/usr/bin/prlimit", "--fsize=900"])
    defer { child.end() }
    let hasEnded = try await Bench.wait(seconds: 60, every: .milliseconds(20)) {
      let noise = (0..<12).map { _ in String(UInt64.random(in: 0...UInt64.max)) }.joined(separator: " ")
      try scene.city.publish(#"{"values":{"speed":42},"noise":"\#(noise)"}"#)
      return !child.isRunning
    }
    #expect(hasEnded && child.exitCode == 3, "\(child.exitCode), \(scene.text("full.out"))")
    let told = scene.text("full.out").split(separator: "\n")
    #expect(told.count == 1 && told[0].contains("\(name): cannot be written: File too large"), "\(told)")
    let part = try await ThuongCommand(["replay", scene.path(name)] + scene.config)
    #expect(part.code == 3 && part.text.contains(name), "\(part.text)")
    if name.hasSuffix("ndjson") { #expect(Self.stored(part) >= 1, "\(part.text)") }
    #expect(await scene.city.gateway.get("/readyz")?.status == 200, "the gateway goes on")
  }
}
