import Foundation
import Outbox
import Simulation
import Testing

/// The JSON Schemas that integrators get, against every kind of event there is, with a public validator.
@Suite struct EventSchemaTests {
  private struct Verdict: Decodable {
    var kinds: [String: Int]
    var faults: [String]
    var mutants: Int
    var passed: [String]
  }

  private static let schemas = Bench.root.appending(path: "Sources/Console/Schemas").path

  private func validate(_ file: String) async throws -> Verdict {
    let text = try await PythonTools.run("validate_events.py", [Self.schemas, file])
    return try JSONDecoder().decode(Verdict.self, from: Data(text.utf8))
  }

  @Test func `every kind of event is as its schema says, and no event with a key more, less or of another kind is`() async throws {
    let run = try TraceRun(files: EveryKind.files)
    try EveryKind.trace(instance: "thuong").write(toFile: run.path("trace.ndjson"), atomically: true, encoding: .utf8)
    let (command, told) = try await run.replay(["trace.ndjson"], into: "store")
    #expect(command.code == 0, "\(command.text)")
    let events = told + EveryKind.gatewayEvents(instance: "thuong").map { String(decoding: $0.body, as: UTF8.self) } + [EveryKind.testEvent]
    try events.joined(separator: "\n").appending("\n").write(toFile: run.path("all.ndjson"), atomically: true, encoding: .utf8)
    for words in [#""forecast":{"metric":"volume""#, #""limit":{"regulation":"practice""#, #""acknowledged":{"by":"Lan""#] {
      #expect(told.contains { $0.contains(words) }, "\(words)")
    }
    let verdict = try await validate(run.path("all.ndjson"))
    let wanted =
      EveryKind.types + ["vn.thuong.alert.raised group", "vn.thuong.gateway.gap", "vn.thuong.gateway.alive", "vn.thuong.gateway.test"]
    #expect(wanted.filter { verdict.kinds[$0] == nil } == [], "\(verdict.kinds)")
    #expect(verdict.faults == [])
    #expect(verdict.passed == [])
    #expect(verdict.mutants > 1000)
  }

  @Test(arguments: ["ioc.md", "ioc.vi.md"]) func `the event that a page shows is as its schema says`(page: String) async throws {
    let text = try String(contentsOf: Bench.root.appending(path: "docs/\(page)"), encoding: .utf8)
    let example = try #require(text.firstMatch(of: #/    \{\n      "specversion"(?s:.*?)\n    \}\n/#))
    let event = try JSONSerialization.data(withJSONObject: JSONSerialization.jsonObject(with: Data(example.output.utf8)))
    let directory = try TemporaryDirectory(prefix: "thuong-schema")
    try (event + Data("\n".utf8)).write(to: URL(fileURLWithPath: "\(directory.path)/event.ndjson"))
    let verdict = try await validate("\(directory.path)/event.ndjson")
    #expect(verdict.kinds == ["vn.thuong.alert.raised": 1])
    #expect(verdict.faults == [])
  }

  @Test func `every event of the golden file is as its schema says`() async throws {
    let golden = Bench.root.appending(path: "Tests/Fixtures/golden/two-towns.ndjson").path
    let verdict = try await validate(golden)
    #expect(verdict.faults == [])
    #expect(verdict.kinds.values.reduce(0, +) > 50)
  }
}
