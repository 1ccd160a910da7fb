import Foundation

/// A real mosquitto on a free loopback port, for demo, tests and benchmarks. It keeps nothing on disk unless asked to.
package final class PrivateBroker: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package let port: Int
  private let process: ChildProcess

  /// - Parameters:
  ///   - directory: where its configuration and log go.
  ///   - port: the port; nil takes a free one.
  ///   - settings: further lines of its configuration.
  package init(directory: String, port: Int? = nil, settings: [String] = []) throws {
    guard let executable = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].first(where: FileManager.default.isExecutableFile) else {
      throw Failure(description: "mosquitto is not installed; run packaging/install-dependencies.sh")
    }
    self.port = try port ?? LoopbackPort.free()
    let lines = [
      "listener \(self.port) 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true", "max_inflight_messages 0",
      "max_queued_messages 1000000",
      "max_packet_size 1048576", "log_dest file \(directory)/mosquitto.log", "log_type error", "log_type warning", "user \(NSUserName())",
    ]
    let file = "\(directory)/mosquitto.conf"
    try (lines + settings).joined(separator: "\n").appending("\n").write(toFile: file, atomically: true, encoding: .utf8)
    process = try ChildProcess(executable, ["-c", file])
    for _ in 0..<500 where process.isRunning {
      if LoopbackPort.isOpen(self.port) { return }
      Thread.sleep(forTimeInterval: 0.01)
    }
    process.end()
    throw Failure(description: "mosquitto does not start: see \(directory)/mosquitto.log")
  }

  package var processID: Int32 { process.id }
  package func end() { process.end(within: 5) }
}
