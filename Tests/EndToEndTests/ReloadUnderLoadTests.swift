import Foundation
import Simulation
import Testing

/// Devices and rules are loaded anew while readings stream in, by the API of a real gateway.
@Suite(.serialized) struct ReloadUnderLoadTests {
  /// A rule that nothing meets: with it and without it the book is another one, and the engine is made anew.
  private static let other = """
    rules:
      - id: another
        name: {vi: "Khác", en: "Another"}
        where: {domain: traffic}
        when: max(volume, 1h) > 900
        severity: minor
        message: {vi: "{device.name}", en: "{device.name}"}

    """

  @Test func `F21 Reloads under load lose no reading, and alerts of rules that stay keep their pending, ids and revisions`() async throws {
    let (seed, reloads) = (Soak.seed, Bench.isSoak ? 200 : 12)
    let city = try await FaultCity()
    let child = try await city.start()
    defer { child.end() }
    let sender = try city.makeSender(seed: seed)
    defer { sender.abandon() }
    sender.begin()
    var random = SeededGenerator(seed: seed ^ 0x7265_6c6f)
    var (accepted, raised, versions) = (0, 0, Set<String>())
    for reload in 0..<reloads {
      let goal = accepted + 4000 + Int(random.below(2000))
      sender.limit.change { $0 = goal + 3000 }
      accepted = try await city.waitForAccepted(goal)
      let file = "\(city.directory.path)/Rules/another.yaml"
      if reload % 2 == 0 {
        try Bench.write(["Rules/another.yaml": Self.other], in: city.directory.path)
      } else {
        try FileManager.default.removeItem(atPath: file)
      }
      let answer = try #require(await city.gateway.post("/api/v1/rules/reload"))
      #expect(answer.status == 200, "\(answer.body)")
      let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
      #expect(json["rules"] as? Int == (reload % 2 == 0 ? 3 : 2))
      versions.insert(json["version"] as? String ?? "")
      raised += await city.gateway.get("/api/v1/alerts?state=raised&limit=1")?.body.contains("\"id\"") == true ? 1 : 0
    }
    try await sender.finish()
    try await city.settle(sender)
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    #expect(versions.count == 2 && raised > reloads / 2, "alerts were raised while rules were loaded")
    // The replay never reloads: where a pending began anew or an alert was raised again, ids and bytes would differ.
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "seed \(seed): \(readings)")
    let events = try city.comparedEvents(sender)
    #expect(events.isRight && events.expected >= 50, "seed \(seed): \(events)")
    #expect(city.told.gaps == [:], "continuity was never in doubt")
  }
}
