import Foundation
import Simulation

/// `thuong ioc` on a port and a file of its own, which it keeps when it is killed and started again.
final class IOCProcess {
  struct Kept {
    var id: String
    var alert: String?
    var revision: Int
    /// `type subject time`.
    var line: String
  }

  let port: Int
  private let directory: String
  private let name: String
  private var child: ChildProcess?

  /// - Parameter directory: of a `DemoGateway`, whose secret it knows.
  init(directory: String, name: String = "ioc", port: Int) throws {
    (self.directory, self.name, self.port) = (directory, name, port)
    try Data().write(to: URL(fileURLWithPath: log))
  }

  deinit { child?.end(within: 0) }

  private var log: String { "\(directory)/\(name).log" }
  private var file: String { "\(directory)/\(name).ndjson" }

  /// Returns when it listens.
  func start(misbehave: String? = nil, seed: UInt64 = 1) async throws {
    let output = FileHandle(forWritingAtPath: log)
    output?.seekToEndOfFile()
    let child = try ChildProcess(
      Bench.executable,
      ["ioc", "--port", "\(port)", "--secret-file", "\(directory)/sink.secret", "--store", file, "--seed", "\(seed)"]
        + (misbehave.map { ["--misbehave", $0] } ?? []), output: output)
    self.child = child
    let isUp = await Bench.wait(seconds: 20) { LoopbackPort.isOpen(port) || !child.isRunning }
    guard isUp, child.isRunning else { throw KillFailure("thuong ioc does not listen: \(text)") }
  }

  /// kill -9.
  func kill() {
    child?.send(SIGKILL)
    child?.wait()
  }

  /// SIGTERM; returns its line of figures. 128 + 9 is what it exits with where it had to be killed.
  func stop() -> (code: Int32, summary: String) {
    child?.end(within: 5)
    return (child?.exitCode ?? -1, text.split(separator: "\n").last.map(String.init) ?? "")
  }

  /// What it printed since it was first started.
  var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

  func lines(with words: String) -> Int { text.split(separator: "\n").count { $0.contains(words) } }

  /// How many events it has kept; the last line may be in the making.
  var keptCount: Int { (FileManager.default.contents(atPath: file) ?? Data()).count { $0 == 0x0a } }

  /// The events that it has kept, in order.
  func kept() throws -> [Kept] {
    let bytes = FileManager.default.contents(atPath: file) ?? Data()
    return try bytes.split(separator: 0x0a).map { line in
      guard let event = (try JSONSerialization.jsonObject(with: line) as? [String: Any])?["event"] as? [String: Any] else {
        throw KillFailure("no event: \(String(decoding: line, as: UTF8.self))")
      }
      let data = event["data"] as? [String: Any]
      let words = ["type", "subject", "time"].map { event[$0] as? String ?? "" }
      return Kept(
        id: event["id"] as? String ?? "", alert: data?["alert"] as? String, revision: data?["revision"] as? Int ?? 0,
        line: words.joined(separator: " "))
    }
  }

  /// Waits until it has kept so many.
  func keeps(_ count: Int, seconds: Double = 60) async -> Bool {
    await Bench.wait(seconds: seconds, every: .milliseconds(20)) { keptCount >= count }
  }
}

extension [IOCProcess.Kept] {
  var lines: [String] { map(\.line).sorted() }

  /// Alerts of which an event came after a later one.
  var disordered: [String] {
    var last: [String: Int] = [:]
    var found: [String] = []
    for event in self {
      guard let alert = event.alert else { continue }
      if event.revision <= last[alert] ?? 0 { found.append("\(alert): \(event.revision) after \(last[alert] ?? 0)") }
      last[alert] = event.revision
    }
    return found
  }
}
