import Foundation
import Gateway
import Readings
import SeriesStore
import Simulation
import Testing

@Suite(.serialized) struct ServeTests {
  private struct Running {
    var directory: TemporaryDirectory
    var broker: PrivateBroker
    var gateway: DemoGateway
    var child: ChildProcess

    func log() -> String { (try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "" }
  }

  private static func start(sizeMax: String = "20GB", clock: String = "gateway") async throws -> Running {
    let city = try QuietCity(prefix: "thuong-serve", sizeMax: sizeMax, clock: clock)
    let gateway = city.gateway
    let child = try gateway.start()
    let running = Running(directory: city.directory, broker: city.broker, gateway: gateway, child: child)
    guard await gateway.waitUntilReady(child) else {
      let log = running.log()
      Self.end(running)
      throw KillFailure("the gateway does not get ready: \(log)")
    }
    return running
  }

  private static func end(_ running: Running) {
    running.child.end()
    running.broker.end()
  }

  private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

  /// Every reject reason, by the real broker, with what it counts as.
  @Test func `Bad input of every reason is rejected, counted and acknowledged, and the gateway goes on`() async throws {
    let running = try await Self.start()
    defer { Self.end(running) }
    let topic = "thuong/v1/bac-giang/traffic/k-1000/telemetry"
    let now = Self.now
    let messages: [(reason: String, isReading: Bool, topic: String, payload: String)] = [
      ("malformed", false, topic, "{\"values\":{\"speed\":1"),
      ("too_large", false, topic, "{\"values\":{\"speed\":1},\"x\":\"" + String(repeating: "x", count: 300_000) + "\"}"),
      ("unknown_device", false, "thuong/v1/bac-giang/traffic/nobody/telemetry", "{\"values\":{\"speed\":1}}"),
      ("wrong_topic", false, "thuong/v1/viet-yen/traffic/k-1000/telemetry", "{\"values\":{\"speed\":1}}"),
      ("unknown_metric", true, topic, "{\"ts\":\(now - 4000),\"values\":{\"colour\":1}}"),
      ("not_finite", true, topic, "{\"ts\":\(now - 3000),\"values\":{\"speed\":1e999}}"),
      ("conflict", true, topic, "[{\"ts\":\(now - 2000),\"values\":{\"speed\":1}},{\"ts\":\(now - 2000),\"values\":{\"speed\":2}}]"),
      ("too_old", true, topic, "{\"ts\":1000,\"values\":{\"speed\":1}}"),
      ("retained", false, "thuong/v1/bac-giang/traffic/k-1001/telemetry", "{\"values\":{\"speed\":1}}"),
    ]
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: running.broker.port))
    for message in messages where message.reason != "retained" {
      _ = try publisher.publish(at: Timestamp(milliseconds: now), topic: message.topic, payload: Array(message.payload.utf8))
    }
    // What is retained comes with the subscription: the gateway hears it when it subscribes again.
    running.child.end()
    #expect(running.child.exitCode == 0)
    let retained = try #require(messages.last)
    _ = try retained.payload.utf8.withContiguousStorageIfAvailable { bytes in
      try publisher.publish(at: Timestamp(milliseconds: now), topic: retained.topic, payload: UnsafeRawBufferPointer(bytes), retain: true)
    }
    try publisher.flush(within: .seconds(10))
    let again = try running.gateway.start()
    defer { again.end() }
    let isReady = await running.gateway.waitUntilReady(again)
    #expect(isReady)
    _ = try publisher.publish(
      at: Timestamp(milliseconds: now), topic: topic, payload: Array("{\"ts\":\(now),\"values\":{\"speed\":33}}".utf8))
    let isStored = await Bench.wait(seconds: 10) { await running.gateway.metric("thuong_readings_stored_total") ?? 0 >= 2 }
    #expect(isStored, "the gateway goes on")

    let metrics = await running.gateway.get("/metrics")?.body ?? ""
    for message in messages {
      let name = message.isReading ? "thuong_readings_rejected_total" : "thuong_messages_rejected_total"
      let line = metrics.split(separator: "\n").first { $0.hasPrefix("\(name){reason=\"\(message.reason)\"}") }
      let count = line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) } ?? 0
      #expect(count >= 1, "\(message.reason) is counted")
    }
    let figure = { (name: String) async -> Double in await running.gateway.metric(name) ?? -1 }
    #expect(
      await figure("thuong_messages_received_total") == figure("thuong_messages_accepted_total") + figure("thuong_messages_rejected_total"))
    #expect(
      await figure("thuong_readings_received_total")
        == figure("thuong_readings_stored_total") + figure("thuong_readings_duplicate_total") + figure("thuong_readings_rejected_total"))

    // Acknowledged: after another start the broker sends nothing of it again (the retained one apart, which is no redelivery).
    let received = await figure("thuong_messages_received_total")
    again.end()
    let third = try running.gateway.start()
    defer { third.end() }
    let isReadyAgain = await running.gateway.waitUntilReady(third)
    #expect(isReadyAgain)
    #expect(await figure("thuong_messages_received_total") <= received + 1)
  }

  @Test func `A port that is taken ends the second gateway with 3, and leaves the first its session`() async throws {
    let running = try await Self.start()
    defer { Self.end(running) }
    let second = try ChildProcess(
      Bench.executable, ["serve", "--config", "\(running.gateway.directory)/thuong.yaml", "--data", "\(running.gateway.directory)/other"],
      output: FileHandle(forWritingAtPath: running.gateway.logFile))
    let hasEnded = await Bench.wait(seconds: 20) { !second.isRunning }
    #expect(hasEnded)
    second.end()
    #expect(second.exitCode == 3)
    #expect(running.log().contains("cannot listen there"), "\(running.log())")
    #expect(await running.gateway.get("/readyz")?.status == 200, "the first is still up")
    #expect(!running.log().contains("No connection to the broker"))
  }

  @Test func `A fault in the configuration ends with 3 and names file, line and column`() throws {
    let directory = try TemporaryDirectory(prefix: "thuong-config")
    try Bench.write(["thuong.yaml": "instance: x\nbroker: {url: \"http://nowhere\"}\n"], in: directory.path)
    let log = "\(directory.path)/out"
    try Data().write(to: URL(fileURLWithPath: log))
    let child = try ChildProcess(
      Bench.executable, ["serve", "--config", "\(directory.path)/thuong.yaml"], output: FileHandle(forWritingAtPath: log))
    child.wait()
    #expect(child.exitCode == 3)
    let text = try String(contentsOfFile: log, encoding: .utf8)
    #expect(text.contains("thuong.yaml:2:15: expected mqtt://host:port"), "\(text)")
  }

  @Test func `At max_size the oldest readings make room, intake goes on, and what went is told`() async throws {
    let running = try await Self.start(sizeMax: "16MB")
    defer { Self.end(running) }
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: running.broker.port))
    let (days, devices, day, objects) = (70, 20, Int64(86_400_000), 1000)
    let base = Self.now / day * day - Int64(days + 1) * day
    var random = SystemRandomNumberGenerator()
    var sent = 0
    for place in 0..<days {
      for device in 0..<devices {
        // Numbers that nothing makes shorter.
        let rows = (0..<objects).map {
          let (speed, occupancy) = (Double.random(in: 0..<100, using: &random), Double.random(in: 0..<100, using: &random))
          return "{\"ts\":\(base + Int64(place) * day + Int64($0)),\"values\":{\"speed\":\(speed),\"occupancy\":\(occupancy)}}"
        }
        _ = try publisher.publish(
          at: Timestamp(milliseconds: base), topic: "thuong/v1/bac-giang/traffic/\(RushHour.id(device))/telemetry",
          payload: Array("[\(rows.joined(separator: ","))]".utf8))
        sent += 1
      }
    }
    try publisher.flush(within: .seconds(60))
    let isTaken = await Bench.wait(seconds: 60) { await running.gateway.metric("thuong_messages_accepted_total") == Double(sent) }
    #expect(isTaken, "\(running.log().suffix(500))")
    #expect(sent * objects * 16 > 20 << 20, "more than the store may hold")
    let isBelow = await Bench.wait(seconds: 10) { await running.gateway.metric("thuong_store_bytes") ?? .infinity < Double(16 << 20) }
    #expect(isBelow)
    #expect(await running.gateway.metric("thuong_gaps_total{cause=\"ring_short\"}") ?? 0 > 0)
    let ready = await running.gateway.get("/readyz")
    #expect(ready?.body.contains("store_full") == false, "\(ready?.body ?? "")")
    running.child.end()
    #expect(running.child.exitCode == 0)
    let kept = try StoredReadings(directory: running.gateway.storeDirectory)
    var first = Int64.max
    var last = Int64.min
    try kept.visit { _, chunk in (first, last) = (min(first, chunk.times.first ?? first), max(last, chunk.times.last ?? last)) }
    #expect(last == base + Int64(days - 1) * day + Int64(objects - 1), "the newest is there")
    #expect(first > base + Int64(objects), "the oldest is not")
  }
}
