import Foundation
import GRDB
import Outbox
import Simulation
import Testing

/// docs/ioc.md promises a receiver that works: the very one that stands there, against a real gateway.
@Suite struct DocumentedReceiverTests {
  private func receiver(in page: String) throws -> String {
    let text = try String(contentsOf: Bench.root.appending(path: "docs/\(page)"), encoding: .utf8)
    let block = try #require(text.firstMatch(of: /```python\n((?s:.*?))```/))
    return String(block.output.1)
  }

  @Test func `The receiver of the documentation has every event once and each alert's last state, however often it is killed`() async throws
  {
    let code = try receiver(in: "ioc.md")
    #expect(try receiver(in: "ioc.vi.md") == code)
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 41, "40 lines and the end")
    let port = try LoopbackPort.free()
    let town = try LedgerCity(files: AlertTown.files, clock: "sender", sinkURL: "http://127.0.0.1:\(port)/events")
    let place = town.directory.path
    try code.write(toFile: "\(place)/receiver.py", atomically: true, encoding: .utf8)
    let receiver = try PythonReceiver(
      port: port, log: "\(place)/receiver.log",
      command: ["/usr/bin/python3", "\(place)/receiver.py", "\(port)", "\(place)/sink.secret", "\(place)/events.sqlite"])
    try await receiver.start()
    let child = try await town.start()
    defer { child.end() }
    let (kills, seed) = (3, Soak.seed)
    var random = SeededGenerator(seed: seed)
    for round in 0..<kills {
      try town.publish(AlertTown.messages(rounds: round * 2..<round * 2 + 2))
      let wanted = try events(place).count + Int(random.below(12))
      _ = await Bench.wait(seconds: 3, every: .milliseconds(2)) { (try? events(place).count) ?? 0 >= wanted }
      receiver.kill()
      try await receiver.start()
    }
    #expect(await Bench.wait(seconds: 60, every: .milliseconds(20)) { await town.gateway.metric("thuong_events_pending") == 0 })
    child.end()
    receiver.kill()
    let kept = try events(place)
    #expect(kept.map(\.line).sorted() == AlertTown.expected(rounds: 0..<kills * 2), "seed \(seed)")
    #expect(kept.map(\.sequence).sorted() == Array(1...kept.count), "seed \(seed)")
    #expect(kept.allSatisfy { $0.id == $0.bodyID })
    let alerts = try rows(place, "SELECT revision, state FROM alert") { "\($0[0] as Int) \($0[1] as String)" }
    #expect(alerts == [String](repeating: "2 cleared", count: kept.count / 2), "seed \(seed)")
  }

  @Test(arguments: ["ioc.md", "ioc.vi.md"]) func `the signature that a page gives to try is the right one`(page: String) throws {
    let text = try String(contentsOf: Bench.root.appending(path: "docs/\(page)"), encoding: .utf8)
    let example = try #require(text.firstMatch(of: /`(whsec_[^`]+)`[^`]*`(msg_1)`[^`]*`(\d+)`[^`]*`([^`]+)`[^`]*\n    (v1,\S+)\n/))
    let (_, secret, id, seconds, body, signature) = example.output
    let header = Signature.header(
      id: String(id), seconds: try #require(Int64(seconds)), body: Array(body.utf8),
      secrets: [try #require(WebhookSecret(text: String(secret)))])
    #expect(header == signature)
  }

  private struct Kept {
    var id, bodyID, line: String
    var sequence: Int
  }

  private func events(_ place: String) throws -> [Kept] {
    try rows(place, "SELECT id, sequence, body FROM event") { row in
      let event = try #require(try JSONSerialization.jsonObject(with: row[2] as Data) as? [String: Any])
      let words = ["type", "subject", "time"].map { event[$0] as? String ?? "" }
      return Kept(id: row[0], bodyID: event["id"] as? String ?? "", line: words.joined(separator: " "), sequence: row[1])
    }
  }

  private func rows<T>(_ place: String, _ sql: String, _ read: (Row) throws -> T) throws -> [T] {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    let queue = try DatabaseQueue(path: "\(place)/events.sqlite", configuration: configuration)
    return try queue.read { db in try Row.fetchAll(db, sql: sql).map(read) }
  }
}
