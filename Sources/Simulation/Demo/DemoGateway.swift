import AsyncHTTPClient
package import Foundation
import NIOCore
import NIOHTTP1

/// A real `thuong serve` as a child, on a directory of its own: configuration, token, secret, store.
package final class DemoGateway: Sendable {
  package struct Settings: Sendable {
    package var brokerPort: Int
    package var sinkURL: String?
    package var devices: URL
    package var rules: URL
    package var instance = "demo"
    package var durability = "full"
    package var clock = "sender"
    package var sizeMax = "20GB"
    /// URLs of sinks beside the first.
    package var moreSinks: [String] = []

    package init(brokerPort: Int, sinkURL: String?, devices: URL, rules: URL) {
      (self.brokerPort, self.sinkURL, self.devices, self.rules) = (brokerPort, sinkURL, devices, rules)
    }
  }

  package static let secret = "whsec_" + Data((0..<32).map { UInt8($0 &* 7 &+ 3) }).base64EncodedString()
  package static let token = "demo-token-of-a-loopback-gateway-0001"

  package let directory: String
  package let httpPort: Int
  private let executable: String

  /// Writes the configuration into `directory`.
  package init(executable: String, directory: String, settings: Settings) throws {
    (self.executable, self.directory) = (executable, directory)
    httpPort = try LoopbackPort.free()
    try Self.write(Self.secret, to: "\(directory)/sink.secret")
    try Self.write(Self.token, to: "\(directory)/api.token")
    var lines = [
      "instance: \(settings.instance)", "broker: {url: \"mqtt://127.0.0.1:\(settings.brokerPort)\", clock: \(settings.clock)}",
      "data: {directory: store, durability: \(settings.durability), max_size: \(settings.sizeMax)}",
      "devices: \"\(settings.devices.path)\"", "rules: \"\(settings.rules.path)\"",
      "http: {listen: \"127.0.0.1:\(httpPort)\", token_file: api.token}",
    ]
    let sinks = (settings.sinkURL.map { [("ioc", $0)] } ?? []) + settings.moreSinks.enumerated().map { ("sink-\($0)", $1) }
    if !sinks.isEmpty { lines.append("sinks:") }
    lines += sinks.map { "  - {id: \($0), url: \"\($1)\", secret_file: sink.secret, allow_private: true}" }
    try lines.joined(separator: "\n").appending("\n").write(toFile: "\(directory)/thuong.yaml", atomically: true, encoding: .utf8)
  }

  package var storeDirectory: String { "\(directory)/store" }
  package var logFile: String { "\(directory)/thuong.log" }

  private static func write(_ secret: String, to path: String) throws {
    guard FileManager.default.createFile(atPath: path, contents: Data((secret + "\n").utf8), attributes: [.posixPermissions: 0o600]) else {
      throw CocoaError(.fileWriteUnknown)
    }
  }

  /// Starts the gateway; its log goes on in `logFile`.
  ///
  /// - Parameter wrapper: a command that runs it, such as strace with its arguments.
  package func start(under wrapper: [String] = []) throws -> ChildProcess {
    if !FileManager.default.fileExists(atPath: logFile) { try Data().write(to: URL(fileURLWithPath: logFile)) }
    let log = FileHandle(forWritingAtPath: logFile)
    log?.seekToEndOfFile()
    let command = wrapper + [executable, "serve", "--config", "\(directory)/thuong.yaml"]
    return try ChildProcess(command[0], Array(command.dropFirst()), output: log)
  }

  /// The status and body of a route; nil while nobody answers.
  package func get(_ route: String) async -> (status: Int, body: String)? { await ask(.GET, route) }

  /// The same for a request with a body of JSON. Nil where there is no answer: what was asked for may have been done all the same.
  package func post(_ route: String, _ json: String = "") async -> (status: Int, body: String)? { await ask(.POST, route, json) }

  private func ask(_ method: HTTPMethod, _ route: String, _ json: String? = nil) async -> (status: Int, body: String)? {
    // Where nobody listens the client would try on until its time is up.
    guard LoopbackPort.isOpen(httpPort) else { return nil }
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(httpPort)\(route)")
    request.method = method
    request.headers.add(name: "authorization", value: "Bearer \(Self.token)")
    if let json {
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: json))
    }
    guard let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(5)),
      let body = try? await response.body.collect(upTo: 16 << 20)
    else { return nil }
    return (Int(response.status.code), String(buffer: body))
  }

  /// Waits until `/readyz` says 200, or names nothing but dead letters: those are of before. False where the time is up or the child ended.
  package func waitUntilReady(_ child: ChildProcess, seconds: Double = 30) async -> Bool {
    let limit = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < limit, child.isRunning {
      if let answer = await get("/readyz"), answer.status == 200 || Self.hasDeadLettersAlone(answer.body) { return true }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  private static func hasDeadLettersAlone(_ readyz: String) -> Bool {
    let problems = ((try? JSONSerialization.jsonObject(with: Data(readyz.utf8))) as? [String: Any])?["problems"] as? [String]
    return problems?.allSatisfy { $0.hasPrefix("sink_dead_letters: ") } ?? false
  }

  /// A figure of `/metrics`, summed over its labels; nil where nobody answers or it is not there.
  package func metric(_ name: String) async -> Double? {
    guard let text = await get("/metrics")?.body else { return nil }
    let values = text.split(separator: "\n").filter { $0.hasPrefix("\(name) ") || $0.hasPrefix("\(name){") }
      .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
    return values.isEmpty ? nil : values.reduce(0, +)
  }
}
