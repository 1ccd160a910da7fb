import Foundation
import Testing

@Suite struct SchemaTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/Console/Schemas")

  @Test func `the schemas of the events are open to everybody, byte by byte as they stand in the sources`() async throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).sorted()
    #expect(files == ["alert-1.json", "alive-1.json", "event-1.json", "gap-1.json", "test-1.json"])
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      for file in files {
        let reply = try await console.get("/schemas/\(file)", authorization: nil)
        #expect(reply.status == 200)
        #expect(reply.headers["content-type"] == "application/schema+json")
        #expect(reply.text == (try String(contentsOf: Self.folder.appending(path: file), encoding: .utf8)))
        #expect(try reply.json["$id"] as? String == "/schemas/\(file)", "events name it so")
      }
      try expectProblem(try await console.get("/schemas/alert-2.json", authorization: nil), 404, "alert-1.json, alive-1.json")
      try expectProblem(try await console.get("/schemas/alert-1.json", method: "POST", authorization: nil), 405)
    }
  }
}
