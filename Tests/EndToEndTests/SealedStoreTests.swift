import Foundation
import Readings
import Simulation
import Testing

/// What a gateway sealed when it ended, seen by the next one.
@Suite struct SealedStoreTests {
  @Test func `After an end and a start the API gives what is sealed, and what comes again is known`() async throws {
    let city = try QuietCity(prefix: "thuong-sealed")
    defer { city.broker.end() }
    let gateway = city.gateway
    let now = Int64(Date().timeIntervalSince1970 * 1000) / 60_000 * 60_000
    let device = RushHour.id(0)

    func publish(_ minutesAgo: Int64, _ volume: Int) throws {
      try city.publish("{\"ts\":\(now - minutesAgo * 60_000),\"values\":{\"volume\":\(volume)}}")
    }
    func received(_ count: Double) async throws {
      let hasCome = await Bench.wait(seconds: 10) { await gateway.metric("thuong_readings_received_total") == count }
      #expect(hasCome, "\(count) readings")
    }
    func points(_ query: String = "") async -> String {
      let body = await gateway.get("/api/v1/series/\(device)/volume\(query)")?.body ?? ""
      return body.firstRange(of: "\"points\":").map { String(body[$0.upperBound...].prefix { $0 != "n" }) } ?? body
    }

    // Over two days, so that several spans are sealed.
    let ages: [Int64] = [3000, 1500, 1499, 61, 60, 2, 1]
    var child = try gateway.start()
    defer { child.send(SIGKILL) }
    #expect(await gateway.waitUntilReady(child))
    for (place, age) in ages.enumerated() { try publish(age, place) }
    try await received(7)
    let before = await points()
    child.end()
    #expect(child.exitCode == 0)
    child = try gateway.start()
    #expect(await gateway.waitUntilReady(child))
    #expect(await points() == before)
    #expect(before == "[" + ages.enumerated().map { "[\(now - $1 * 60_000),\($0)]" }.joined(separator: ",") + "],\"")
    #expect(await points("?from=\(now - 1500 * 60_000)&limit=2").hasPrefix("[[\(now - 1500 * 60_000),1],[\(now - 1499 * 60_000),2]]"))
    #expect(await gateway.get("/api/v1/devices/\(device)")?.body.contains("\"value\":6") == true)
    // The same again, another value, and a new reading between those that are sealed.
    try publish(1500, 1)
    try publish(3000, 9)
    try publish(1498, 7)
    try await received(10)
    #expect(await gateway.metric("thuong_readings_duplicate_total") == 1)
    #expect(await gateway.metric("thuong_readings_rejected_total{reason=\"conflict\"}") == 1)
    #expect(await points("?from=\(now - 1499 * 60_000)&to=\(now - 1000 * 60_000)").contains(",2],[\(now - 1498 * 60_000),7]]"))
    child.end()
    #expect(child.exitCode == 0)
  }
}
