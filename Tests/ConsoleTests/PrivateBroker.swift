import Foundation
import Glibc
import Readings
import Simulation
import Testing

/// A mosquitto of the test's own on a free loopback port; nothing listens there before `start`.
final class PrivateBroker {
  let port = PrivateBroker.freePort()
  private let configuration = FileManager.default.temporaryDirectory.appendingPathComponent("mosquitto-\(UUID().uuidString).conf")
  private var process: Process?

  init() throws {
    let lines = "listener \(port) 127.0.0.1\nallow_anonymous true\nlog_dest none\nmax_inflight_messages 0\nmax_queued_messages 0\n"
    try Data(lines.utf8).write(to: configuration)
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(at: configuration)
  }

  func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/sbin/mosquitto")
    process.arguments = ["-c", configuration.path]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
  }

  func stop() {
    // A blocked SIGTERM is inherited from the thread that starts a process.
    if let process { kill(process.processIdentifier, SIGKILL) }
    process?.waitUntilExit()
    process = nil
  }

  /// Sends each payload to its topic at QoS 1; returns when the broker has them all.
  ///
  /// - Parameter at: the senders' time.
  func publish(_ messages: [(topic: String, payload: String)], at: Int64 = 1) async throws {
    let publisher = try await publisher()
    for message in messages {
      try publisher.publish(at: .init(milliseconds: at), topic: message.topic, payload: Array(message.payload.utf8))
    }
    try publisher.flush(within: .seconds(30))
  }

  /// A broker that was just started may not listen yet.
  private func publisher() async throws -> MQTTPublisher {
    let address = BrokerAddress(host: "127.0.0.1", port: port)
    var found: MQTTPublisher?
    try await eventually("the broker listens") {
      found = try? MQTTPublisher(address: address)
      return found != nil
    }
    return try #require(found)
  }

  static func freePort() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size)
        getsockname(descriptor, $0, &size)
      }
      return Int(UInt16(bigEndian: $0.pointee.sin_port))
    }
  }
}

/// Asks again until it is so; after a long while it never will be.
func eventually(_ what: Comment, within limit: Duration = .seconds(60), _ isSo: () async throws -> Bool) async throws {
  let end = ContinuousClock.now + limit
  while try await !isSo() {
    try #require(ContinuousClock.now < end, what)
    try await Task.sleep(for: .milliseconds(5))
  }
}
