import Foundation
import Readings
import Simulation
import Testing

/// Faults of the disk under the real binary: what was not committed is not acknowledged, whatever ends the process.
@Suite(.serialized) struct StoreFaultTests {
  private final class City {
    let directory: TemporaryDirectory
    let broker: PrivateBroker
    let gateway: DemoGateway
    private(set) var sent = 0

    init() throws {
      directory = try TemporaryDirectory(prefix: "thuong-fault")
      try Bench.write(RushHour.files, in: directory.path)
      broker = try PrivateBroker(directory: directory.path)
      var settings = DemoGateway.Settings(
        brokerPort: broker.port, sinkURL: nil, devices: URL(fileURLWithPath: "\(directory.path)/Devices"),
        rules: URL(fileURLWithPath: "\(directory.path)/Rules"))
      settings.clock = "gateway"
      gateway = try DemoGateway(executable: Bench.executable, directory: directory.path, settings: settings)
    }

    deinit { broker.end() }

    var log: String { (try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "" }

    func start(under wrapper: [String] = []) async throws -> ChildProcess {
      let child = try gateway.start(under: wrapper)
      guard await gateway.waitUntilReady(child) else {
        child.end()
        throw KillFailure("the gateway does not get ready: \(log.suffix(1000))")
      }
      return child
    }

    func publish(_ count: Int) throws {
      let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: broker.port))
      let now = Int64(Date().timeIntervalSince1970 * 1000)
      for _ in 0..<count {
        let payload = "{\"ts\":\(now - 100_000 + Int64(sent)),\"values\":{\"volume\":\(sent)}}"
        let topic = "thuong/v1/bac-giang/traffic/\(RushHour.id(sent % RushHour.devices))/telemetry"
        _ = try publisher.publish(at: Timestamp(milliseconds: now), topic: topic, payload: Array(payload.utf8))
        sent += 1
      }
      try publisher.flush(within: .seconds(20))
    }

    /// Starts it again and waits until everything that was ever sent is stored, or until nothing more comes.
    func storedInTheEnd() async throws -> Int {
      let child = try await start()
      defer { child.end() }
      _ = await Bench.wait(seconds: 10) { await self.gateway.metric("thuong_readings_stored_total") ?? 0 >= Double(self.sent) }
      return Int(await gateway.metric("thuong_readings_stored_total") ?? 0)
    }
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small disk needs root"))
  func `SIGTERM on a full disk acknowledges nothing that is not committed`() async throws {
    let city = try City()
    let store = city.gateway.storeDirectory
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
    let mount = try ChildProcess("/bin/mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", store])
    mount.wait()
    try #require(mount.exitCode == 0, "a small disk can be mounted")
    defer { (try? ChildProcess("/bin/umount", [store]))?.wait() }

    let child = try await city.start()
    try city.publish(100)
    let isStored = await Bench.wait(seconds: 10) { await city.gateway.metric("thuong_readings_stored_total") == 100 }
    #expect(isStored)
    let ballast = "\(store)/ballast"
    (try? ChildProcess("/bin/dd", ["if=/dev/zero", "of=\(ballast)", "bs=4k"]))?.wait()
    try city.publish(800)
    let isFull = await Bench.wait(seconds: 20) { await city.gateway.get("/readyz")?.body.contains("disk_full") == true }
    #expect(isFull, "\(city.log.suffix(500))")
    let began = ContinuousClock.now
    child.end(within: 30)
    #expect(ContinuousClock.now - began < .seconds(10), "done in ten seconds")
    #expect(child.exitCode == 3)
    try FileManager.default.removeItem(atPath: ballast)
    #expect(try await city.storedInTheEnd() == 900)
  }

  @Test func `A write error ends the gateway without an acknowledgement, and nothing is lost`() async throws {
    let city = try City()
    let strace = ["/usr/bin/strace", "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=EIO:when=120+"]
    let child = try await city.start(under: strace)
    // One commit after another, until the writes of one of them fail.
    for _ in 0..<200 where child.isRunning {
      try city.publish(1)
      _ = await Bench.wait(seconds: 2) {
        guard child.isRunning else { return true }
        return await city.gateway.metric("thuong_readings_stored_total") ?? 0 >= Double(city.sent)
      }
    }
    let hasEnded = await Bench.wait(seconds: 20) { !child.isRunning }
    #expect(hasEnded)
    child.end()
    #expect(child.exitCode == 3)
    #expect(city.log.contains("nothing more is acknowledged"))
    #expect(try await city.storedInTheEnd() == city.sent)
  }

  @Test func `A database that lost its tail, or itself, is found out at the start`() async throws {
    let city = try City()
    let child = try await city.start()
    try city.publish(200)
    let isStored = await Bench.wait(seconds: 10) { await city.gateway.metric("thuong_readings_stored_total") == 200 }
    #expect(isStored)
    child.send(SIGKILL)
    child.wait()
    let database = "\(city.gateway.storeDirectory)/thuong.sqlite"
    let wal = try Data(contentsOf: URL(fileURLWithPath: "\(database)-wal"))
    try wal.prefix(wal.count / 2).write(to: URL(fileURLWithPath: "\(database)-wal"))
    let second = try city.gateway.start()
    second.wait()
    #expect(second.exitCode == 5)
    #expect(city.log.contains("were committed and are gone"), "\(city.log.suffix(400))")

    try wal.write(to: URL(fileURLWithPath: "\(database)-wal"))
    let file = try Data(contentsOf: URL(fileURLWithPath: database))
    try Data().write(to: URL(fileURLWithPath: database))
    let third = try city.gateway.start()
    third.wait()
    #expect(third.exitCode == 5)
    try file.write(to: URL(fileURLWithPath: database))
    #expect(try await city.storedInTheEnd() == 200)
  }
}
