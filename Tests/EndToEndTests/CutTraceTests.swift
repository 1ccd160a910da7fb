import Foundation
import Simulation
import Testing

/// `thuong replay` of traces that are not whole, hold what it does not know, or come from another gateway.
@Suite struct CutTraceTests {
  /// A trace of the small town, and what its replay tells.
  private struct Town {
    let directory: TemporaryDirectory
    let lines: [String]
    var place: String { directory.path }

    init() throws {
      directory = try TemporaryDirectory(prefix: "thuong-cut")
      try Bench.write(SmallTown.files, in: directory.path)
      lines = SmallTown.messages().map(\.traceLine)
    }

    func write(_ text: String, to name: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(place)/\(name)"))
    }

    /// - Returns: the events, a line each.
    func replay(_ name: String, _ more: [String] = []) async throws -> (command: ThuongCommand, events: [String]) {
      let events = "\(place)/events"
      try? FileManager.default.removeItem(atPath: events)
      let command = try await ThuongCommand(
        ["replay", "\(place)/\(name)", "--devices", "\(place)/Devices", "--rules", "\(place)/Rules", "--events", events] + more)
      return (command, ((try? String(contentsOfFile: events, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init))
    }
  }

  private static func compress(_ tool: String, _ file: String) throws {
    let child = try ChildProcess("/bin/sh", ["-c", "\(tool) -f -k '\(file)'"])
    child.wait()
    guard child.exitCode == 0 else { throw KillFailure("\(tool): exit \(child.exitCode)") }
  }

  @Test func `a trace that was cut in a line is replayed up to there, and is an error with its place`() async throws {
    let town = try Town()
    let whole = town.lines.prefix(48).map { $0 + "\n" }.joined()
    try town.write(whole, to: "whole.ndjson")
    let expected = try await town.replay("whole.ndjson")
    #expect(expected.command.code == 0 && expected.events.count > 3, "\(expected.command.text)")
    for kept in [1, 10, town.lines[48].utf8.count - 1] {
      try town.write(whole + town.lines[48].prefix(kept), to: "cut.ndjson")
      let cut = try await town.replay("cut.ndjson", ["--batch", "7"])
      #expect(cut.command.code == 3 && cut.events == expected.events, "\(kept) bytes: \(cut.command.text)")
      #expect(cut.command.text.contains("48 lines, 144 readings stored"), "\(cut.command.text)")
      let told = cut.command.lines.filter { $0.hasPrefix("thuong: ") }
      #expect(told.count == 1 && told[0].contains("cut.ndjson:49:") && told[0].contains("the trace was cut in this line"), "\(told)")
    }
    // Without a line feed at its end a line is whole all the same.
    try town.write(String(whole.dropLast()), to: "whole.ndjson")
    let open = try await town.replay("whole.ndjson")
    #expect(open.command.code == 0 && open.events == expected.events, "\(open.command.text)")
  }

  @Test(arguments: [("gzip", "gz"), ("zstd -q", "zst")])
  func `a compressed trace that was cut is replayed up to there, and is an error`(_ tool: String, _ ending: String) async throws {
    let town = try Town()
    try town.write(town.lines.map { $0 + "\n" }.joined(), to: "whole.ndjson")
    let expected = try await town.replay("whole.ndjson")
    try Self.compress(tool, "\(town.place)/whole.ndjson")
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(town.place)/whole.ndjson.\(ending)"))
    for length in [bytes.count - 1, bytes.count * 3 / 4, bytes.count / 2] {
      try bytes.prefix(length).write(to: URL(fileURLWithPath: "\(town.place)/cut.ndjson.\(ending)"))
      let cut = try await town.replay("cut.ndjson.\(ending)")
      #expect(cut.command.code == 3 && cut.command.text.contains("stream ends too early"), "\(cut.command.text)")
      #expect(cut.events == Array(expected.events.prefix(cut.events.count)), "what it tells is what the whole one tells first")
    }
  }

  @Test func `a line of a kind that is not known is an error with its file, line and column`() async throws {
    let town = try Town()
    let cases = [
      (#"{"at":1763683300000,"valve":"shut"}"#, "unknown key"), (#"{"at":1763683300000,"command":{"valve":"shut"}}"#, "the command"),
      (#"{"at":1763683300000,"intake":"sideways"}"#, "intake"), ("[1]", "one JSON object"), ("\u{0}", "one JSON object"),
    ]
    for (line, words) in cases {
      try town.write("\(town.lines[0])\n\n\(line)\n", to: "unknown.ndjson")
      let command = try await town.replay("unknown.ndjson").command
      let told = command.lines.filter { $0.hasPrefix("thuong: ") }
      #expect(command.code == 3 && told.count == 1, "\(line): \(command.text)")
      #expect(told.first?.contains("/unknown.ndjson:3:") == true && told.first?.contains(words) == true, "\(line): \(command.text)")
    }
  }

  @Test func `commands that find no alert are told, as with a trace of another instance, and usage and golden files are checked`()
    async throws
  {
    let town = try Town()
    let trace = town.lines.map { $0 + "\n" }.joined()
    let ack = #"{"at":1763683300000,"command":{"ack":"abcdefghijklmnopqrstuvwxyz","by":"Lan"}}"# + "\n"
    try town.write(trace, to: "a.ndjson")
    try town.write(ack + ack.replacing("ack", with: "close"), to: "b.ndjson")
    let (command, events) = try await town.replay("a.ndjson", ["\(town.place)/b.ndjson"])
    #expect(command.code == 0 && events.count == 8, "\(command.text)")
    #expect(
      command.text.contains("2 commands refused, the first at ") && command.text.contains("b.ndjson:1: no alert of the id"),
      "\(command.text)")
    #expect(command.text.contains("instance"), "\(command.text)")
    try town.write("", to: "empty")
    let other = try await town.replay("a.ndjson", ["--expect", "\(town.place)/empty"])
    #expect(other.command.code == 1 && other.command.text.contains("0 events expected, 8 found, 8 differences"), "\(other.command.text)")
    try town.write("\(town.lines[0])\n", to: "quiet.ndjson")
    let quiet = try await town.replay("quiet.ndjson", ["--expect", "\(town.place)/empty"])
    #expect(quiet.command.code == 0 && quiet.command.text.contains("0 events, as in"), "\(quiet.command.text)")
    for batch in ["0", "-1", "x", "1000001"] {
      let usage = try await town.replay("a.ndjson", ["--batch=\(batch)"])
      #expect(usage.command.code == 2 && usage.events.isEmpty, "\(batch): \(usage.command.text)")
    }
  }
}
