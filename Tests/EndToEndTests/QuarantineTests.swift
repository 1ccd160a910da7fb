import Database
import Foundation
import GRDB
import Readings
import Simulation
import Testing

/// F25: what ends the process. The real gateway, with a trap that only this test's build has.
@Suite(.serialized) struct QuarantineTests {
  private struct Running {
    private let city: QuietCity
    var directory: TemporaryDirectory { city.directory }
    var broker: PrivateBroker { city.broker }
    var gateway: DemoGateway { city.gateway }

    init() throws { city = try QuietCity(prefix: "thuong-trap") }

    func publish(_ payload: String, _ device: Int = 0) throws { try city.publish(payload, device) }

    /// Starts the gateway with the trap. The child, where it lives and is ready within ten seconds; nil where it died.
    func start(isKilled: Bool = false) async throws -> ChildProcess? {
      let log = FileHandle(forWritingAtPath: gateway.logFile)
      log?.seekToEndOfFile()
      let child = try ChildProcess(
        "/usr/bin/env",
        ["SWIFT_BACKTRACE=enable=no", Bench.sibling("TrapGateway"), "\(directory.path)/thuong.yaml"] + (isKilled ? ["killed"] : []),
        output: log)
      if await gateway.waitUntilReady(child, seconds: 10) {
        // Up and caught up: what kills it has been read by now.
        _ = await Bench.wait(seconds: 1) { !child.isRunning }
      }
      return child.isRunning ? child : nil
    }

    func quarantined() throws -> [(topic: String?, body: String, row: Int64?)] {
      let reader = try StoreReader(directory: gateway.storeDirectory)
      return try reader.read { db in
        try Row.fetchAll(db, sql: "SELECT topic, body, log_number FROM quarantine ORDER BY id").map { row in
          (row[0], String(decoding: row[1] as Data, as: UTF8.self), row[2])
        }
      }
    }

    var log: String { (try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "" }
  }

  @Test(arguments: ["trap", "overflow"])
  func `F25 a message that crashes the process goes into quarantine, and the gateway goes on`(crash: String) async throws {
    let running = try Running()
    defer { running.broker.end() }
    var child = try #require(try await running.start(), "\(running.log.suffix(800))")
    try running.publish("{\"values\":{\"volume\":1}}")
    let isStored = await Bench.wait(seconds: 5) { await running.gateway.metric("thuong_readings_stored_total") == 1 }
    #expect(isStored)
    child.end()
    let deadly = "{\"values\":{\"volume\":2,\"speed\":50},\"\(crash)\":1}"
    // It comes first: a message that is committed before it would make of that start one that did not die of its first batch.
    try running.publish(deadly, 1)
    try running.publish("{\"values\":{\"volume\":3}}", 2)
    try running.publish("{\"values\":{\"volume\":4}}", 3)

    var deaths = 0
    var survivor: ChildProcess?
    while survivor == nil, deaths < 8 {
      survivor = try await running.start()
      if survivor == nil { deaths += 1 }
    }
    child = try #require(survivor, "it never gets over the message: \(running.log.suffix(1500))")
    defer { child.end() }
    #expect(deaths == 3, "two starts, and one that took messages one by one")
    let isWhole = await Bench.wait(seconds: 5) { await running.gateway.metric("thuong_readings_stored_total") == 3 }
    #expect(isWhole, "what came behind it is stored")
    #expect(try running.quarantined().map(\.body) == [deadly])
    let metrics = await running.gateway.get("/metrics")?.body ?? ""
    #expect(metrics.contains("thuong_messages_rejected_total{reason=\"crash\"} 1"))
    #expect(metrics.contains("thuong_gaps_total{cause=\"quarantined\"} 1"))
    // It was acknowledged: it never comes again.
    child.end()
    let again = try #require(try await running.start())
    again.end()
    #expect(try running.quarantined().count == 1)
  }

  @Test func `F25 a log row that crashes recovery goes into quarantine, and its span is told as a gap`() async throws {
    let running = try Running()
    defer { running.broker.end() }
    let child = try #require(try await running.start())
    for (number, volume) in [5, 666, 7].enumerated() {
      try running.publish("{\"values\":{\"volume\":\(volume)}}", number)
      let isStored = await Bench.wait(seconds: 5) {
        await running.gateway.metric("thuong_readings_stored_total") == Double(number + 1)
      }
      #expect(isStored)
    }
    child.send(SIGKILL)  // an end in order would seal it
    child.wait()
    var deaths = 0
    var survivor: ChildProcess?
    while survivor == nil, deaths < 8 {
      survivor = try await running.start()
      if survivor == nil { deaths += 1 }
    }
    let last = try #require(survivor, "\(running.log.suffix(1500))")
    defer { last.end() }
    #expect(deaths == 3)
    let quarantined = try running.quarantined()
    #expect(quarantined.count == 1 && quarantined[0].row != nil)
    #expect(await running.gateway.metric("thuong_gaps_total") == 1)
    // The rows around it are whole.
    let export = try ChildProcess(
      Bench.executable, ["export", "--data", running.gateway.storeDirectory, "--out", "\(running.directory.path)/out"])
    export.wait()
    let lines = try String(contentsOfFile: "\(running.directory.path)/out", encoding: .utf8)
    #expect(lines.contains("\"value\":5,") && lines.contains("\"value\":7,") && !lines.contains("\"value\":666,"))
  }

  @Test(arguments: [false, true])
  func `F25 a start that is killed from outside blames nothing that it had in hand`(isReadingLog: Bool) async throws {
    let running = try Running()
    defer { running.broker.end() }
    var child = try #require(try await running.start(), "\(running.log.suffix(800))")
    try running.publish("{\"values\":{\"volume\":\(isReadingLog ? 667 : 5)}}")
    let isStored = await Bench.wait(seconds: 5) { await running.gateway.metric("thuong_readings_stored_total") == 1 }
    #expect(isStored)
    child.send(SIGKILL)
    child.wait()
    let deadly = "{\"values\":{\"volume\":3},\"trap\":1,\"kill\":1}"
    try running.publish(deadly, 2)
    for _ in 0..<2 { #expect(try await running.start() == nil, "it crashes") }
    // From now on it goes step by step.
    for _ in 0..<3 { #expect(try await running.start(isKilled: true) == nil, "it is killed") }
    #expect(try await running.start() == nil, "it crashes, and knows of what")
    child = try #require(try await running.start(), "\(running.log.suffix(1500))")
    defer { child.end() }
    #expect(try running.quarantined().map(\.body) == [deadly])
    #expect(await running.gateway.metric("thuong_gaps_total{cause=\"quarantined\"}") == 1)
    #expect(await running.gateway.metric("thuong_readings_stored_total") == 1)
  }
}
