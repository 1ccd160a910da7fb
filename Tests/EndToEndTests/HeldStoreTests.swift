import Database
import Foundation
import Readings
import Simulation
import Testing

import class TestSupport.HeldRead

/// F23 under the real binary: another process reads the store without end while readings flow.
@Suite struct HeldStoreTests {
  private static let bound: Int64 = 2 << 20

  @Test func `F23 a reader that never ends is named, the log stays in its bound, and nothing is lost`() async throws {
    let city = try QuietCity(prefix: "thuong-held")
    let (broker, gateway) = (city.broker, city.gateway)
    defer { broker.end() }
    let serving = try gateway.start(under: ["/usr/bin/env", "THUONG_DATA_LOG_MAX=\(Self.bound >> 20)MB"])
    defer { serving.end() }
    try #require(await gateway.waitUntilReady(serving))

    let database = "\(gateway.storeDirectory)/\(StoreFile.name)"
    let held = try HeldRead(database: database)

    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: broker.port))
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    var (sent, largest, named) = (0, Int64(0), "")
    func publish(_ count: Int) throws {
      for _ in 0..<count {
        let topic = "thuong/v1/bac-giang/traffic/\(RushHour.id(sent % RushHour.devices))/telemetry"
        let ts = now - 60_000 + Int64(sent / RushHour.devices)
        let payload = "{\"ts\":\(ts),\"values\":{\"volume\":\(sent % 900),\"speed\":40,\"occupancy\":12}}"
        try publisher.publish(at: Timestamp(milliseconds: now), topic: topic, payload: Array(payload.utf8))
        sent += 1
      }
      try publisher.flush(within: .seconds(20))
      largest = max(largest, Self.size("\(database)-wal"))
    }
    while named.isEmpty, sent < 400_000 {
      try publish(500)
      let ready = await gateway.get("/readyz")?.body ?? ""
      if ready.contains("store_reader_stuck") { named = ready }
    }
    #expect(named.contains("store_reader_stuck: process \(held.process) "), "\(named)")
    // The broker goes on taking what is sent; the gateway takes no more of it, and answers.
    let stored = await gateway.metric("thuong_readings_stored_total")
    try publish(5000)
    #expect(await gateway.metric("thuong_readings_stored_total") == stored)
    #expect(await gateway.get("/api/v1/alerts")?.status == 200)
    #expect(largest < Self.bound + 1 << 20, "the log had \(largest) bytes")

    try held.letGo()
    let isStored = await Bench.wait(seconds: 60) { await gateway.metric("thuong_readings_stored_total") == Double(3 * sent) }
    #expect(isStored, "\(sent) were sent")
    let isReady = await gateway.waitUntilReady(serving)
    #expect(isReady)
  }

  private static func size(_ path: String) -> Int64 {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.int64Value ?? 0
  }
}
