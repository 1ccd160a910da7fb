import Foundation
import Simulation
import Testing

@Suite struct ReloadFaultTests {
  /// Files that do not load, each with what its fault says.
  private static let corpus: [(path: String, text: String, words: String)] = [
    ("Rules/traffic.yaml", "rules:\n  - id: a\n    when: mean(speed, 5) < 3\n    severity: minor\n", "traffic.yaml:3:"),
    ("Rules/traffic.yaml", "rules: [\n", "traffic.yaml:"),
    ("Rules/traffic.yaml", "rules:\n  - {id: a, when: last(speed) < 3, severity: huge}\n", "traffic.yaml:2:"),
    ("Rules/other.yaml", "rules:\n  - {id: UPPER, when: last(speed) < 3, severity: minor}\n", "other.yaml:2:"),
    ("Devices/bac-giang.yaml", "devices:\n  - {id: k-1000, profile: nothing, site: bac-giang}\n", "bac-giang.yaml:2:"),
    ("Devices/profiles/radar.yaml", "id: radar\n", "radar.yaml:"),
  ]

  @Test func `F21 A broken rule or device file on SIGHUP leaves the old ones, with its place, until a good one`() async throws {
    let city = try QuietCity(prefix: "thuong-reload")
    defer { city.broker.end() }
    let child = try city.gateway.start()
    defer { child.end() }
    #expect(await city.gateway.waitUntilReady(child))
    for (path, text, words) in Self.corpus {
      let file = "\(city.directory.path)/\(path)"
      let before = try? Data(contentsOf: URL(fileURLWithPath: file))
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
      child.send(SIGHUP)
      let isTold = await Bench.wait(seconds: 20) {
        let ready = await city.gateway.get("/readyz")
        return ready?.status == 503 && ready?.body.contains("rules_reload_failed: ") == true && ready?.body.contains(words) == true
      }
      let ready = await city.gateway.get("/readyz")?.body ?? ""
      #expect(isTold, "\(path): \(text): \(ready)")
      #expect(await city.gateway.get("/api/v1/devices/k-1000")?.status == 200, "the old devices stay")
      if let before { try before.write(to: URL(fileURLWithPath: file)) } else { try FileManager.default.removeItem(atPath: file) }
      child.send(SIGHUP)
      let isGood = await Bench.wait(seconds: 20) { await city.gateway.get("/readyz")?.status == 200 }
      #expect(isGood, "\(path)")
    }
    try city.publish(#"{"values":{"speed":7}}"#)
    let isStored = await Bench.wait(seconds: 10) { await city.gateway.metric("thuong_readings_stored_total") == 1 }
    #expect(isStored, "and it goes on")
    child.end()
    #expect(child.exitCode == 0)
  }
}
