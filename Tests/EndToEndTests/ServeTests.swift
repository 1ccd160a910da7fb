import Foundation
import Readings
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

  @Test func `At max_size intake stops and says so, and the broker keeps what was not stored`() async throws {
    let running = try await Self.start(sizeMax: "16MB")
    defer { Self.end(running) }
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: running.broker.port))
    let base = Self.now - 3_600_000
    let objects = 1000
    var sent = 0
    for message in 0..<1200 {
      let device = message % RushHour.devices
      let rows = (0..<objects).map {
        "{\"ts\":\(base + Int64(message / RushHour.devices * objects + $0)),\"values\":{\"volume\":1,\"speed\":50.5,\"occupancy\":12}}"
      }
      let payload = Array("[\(rows.joined(separator: ","))]".utf8)
      _ = try publisher.publish(
        at: Timestamp(milliseconds: base), topic: "thuong/v1/bac-giang/traffic/\(RushHour.id(device))/telemetry", payload: payload)
      sent += 1
    }
    try publisher.flush(within: .seconds(30))
    let isFull = await Bench.wait(seconds: 60) { await running.gateway.get("/readyz")?.body.contains("store_full") == true }
    #expect(isFull, "\(running.log().suffix(500))")
    #expect(await running.gateway.get("/readyz")?.status == 503)
    let accepted = await running.gateway.metric("thuong_messages_accepted_total") ?? 0
    #expect(accepted > 0 && accepted < Double(sent), "\(accepted) of \(sent): the rest stays with the broker")
    running.child.end()
    #expect(running.child.exitCode == 0)
  }
}
