import Foundation
import Simulation
import TestSupport
import Testing

/// `thuong alerts` and `thuong record` beside a running gateway, and without one.
@Suite struct OperatorCommandTests {
  @Test func `an alert is listed, acknowledged beside the gateway and closed without one, and every step is shown`() async throws {
    let city = try QuietCity(prefix: "thuong-operator")
    defer { city.broker.end() }
    try Bench.write(["Rules/traffic.yaml": SlowRule.text], in: city.directory.path)
    let child = try city.gateway.start()
    defer { child.end() }
    #expect(await city.gateway.waitUntilReady(child))
    try city.publish(#"{"values":{"speed":4}}"#)
    let config = ["--config", "\(city.directory.path)/thuong.yaml"]
    var listed = try await ThuongCommand(["alerts", "list", "--format", "json"] + config)
    let isRaised = await Bench.wait(seconds: 20, every: .milliseconds(100)) {
      listed = (try? await ThuongCommand(["alerts", "list", "--format", "json"] + config)) ?? listed
      return listed.lines.count == 1
    }
    #expect(isRaised && listed.code == 0, "\(listed.text)")
    let alert = try #require(try JSONSerialization.jsonObject(with: Data((listed.lines.first ?? "").utf8)) as? [String: Any])
    let id = try #require(alert["id"] as? String)

    let acked = try await ThuongCommand(["alerts", "ack", String(id.prefix(6)), "--by", "Lan", "--note", "đã xem"] + config)
    #expect(acked.code == 0 && acked.text == "\(id): acknowledged by Lan\n", "\(acked.text)")
    let table = try await ThuongCommand(["alerts", "list"] + config)
    #expect(table.text.contains("Lan đã tiếp nhận") && table.lines.count == 2, "\(table.text)")
    let unknown = try await ThuongCommand(["alerts", "ack", "none", "--by", "Lan"] + config)
    #expect(unknown.code == 2 && unknown.text.contains("no alert of the id none"), "\(unknown.text)")
    let silenced = try await ThuongCommand(
      ["alerts", "silence", "--device", "k-1001", "--for", "2h", "--by", "Lan", "--id", "s1"] + config)
    #expect(silenced.code == 0, "\(silenced.text)")
    #expect(try await ThuongCommand(["alerts", "silences"] + config).text.contains("s1"))

    child.end()
    let closed = try await ThuongCommand(["alerts", "close", String(id.prefix(9)), "--by", "Minh"] + config)
    #expect(closed.code == 0, "without a gateway: \(closed.text)")
    #expect(try await ThuongCommand(["alerts", "unsilence", "s1", "--by", "Minh"] + config).code == 0)
    let shown = try await ThuongCommand(["alerts", "show", id] + config)
    for words in ["phát sinh", "đã tiếp nhận", "Lan: đã xem", "Minh"] { #expect(shown.text.contains(words), "\(words): \(shown.text)") }
    let again = try await ThuongCommand(["alerts", "close", id, "--by", "Minh"] + config)
    #expect(again.code == 1 && again.text.contains("over"), "\(again.text)")
  }

  @Test func `thuong record ends with --for, and its trace can be replayed`() async throws {
    let city = try QuietCity(prefix: "thuong-record")
    defer { city.broker.end() }
    let config = ["--config", "\(city.directory.path)/thuong.yaml"]
    let none = try await ThuongCommand(["record", "--to", "\(city.directory.path)/none.ndjson"] + config)
    #expect(none.code == 6 && none.text.contains("no gateway runs"), "\(none.text)")
    let child = try city.gateway.start()
    defer { child.end() }
    #expect(await city.gateway.waitUntilReady(child))
    let trace = "\(city.directory.path)/trace.ndjson.gz"
    async let recorded = ThuongCommand(["record", "--to", trace, "--for", "3s"] + config)
    try await Task.sleep(for: .milliseconds(700))
    try city.publish(#"{"values":{"speed":42.5}}"#)
    let record = try await recorded
    #expect(record.code == 0, "\(record.text)")
    let replayed = try await ThuongCommand(["replay", trace] + config)
    #expect(replayed.code == 0 && replayed.text.contains("1 readings stored"), "\(replayed.text)")
    let full = try await ThuongCommand(["record", "--to", "/dev/full", "--for", "1s"] + config)
    #expect(full.code == 3 && full.text.contains("/dev/full"), "\(full.text)")
    #expect(await city.gateway.get("/readyz")?.status == 200, "the gateway goes on")
  }

}
