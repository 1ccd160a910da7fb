import AsyncHTTPClient
import Console
import Foundation
import Gateway
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Testing

/// A real gateway over a real socket, for the length of a test.
struct RunningConsole {
  struct Reply {
    var status: UInt
    var headers: [String: String]
    var text: String

    var json: [String: Any] {
      get throws { try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) }
    }
    var items: [[String: Any]] {
      get throws { try #require(try json["items"] as? [[String: Any]]) }
    }
  }

  let gateway: GatewayService
  let port: Int
  let routes: [String]
  let commands: [String]

  /// Boots the town's gateway, runs `body`, and ends it as SIGTERM would.
  static func run(_ town: TestTown, _ body: (RunningConsole) async throws -> Void) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let gateway = try GatewayService.open(try ConfigurationFile.load(town.configuration, environment: [:]), logger: logger)
    let server = ConsoleServer(gateway: gateway, logger: logger)
    let group = ServiceGroup(configuration: .init(services: gateway.services(http: [server]), logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      let outcome: Result<Void, any Error>
      do {
        outcome = .success(
          try await body(
            RunningConsole(gateway: gateway, port: try await server.boundPort(), routes: server.routes, commands: server.commands)))
      } catch {
        outcome = .failure(error)
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
      try outcome.get()
    }
  }

  /// Asks with the right token, unless told otherwise.
  ///
  /// - Parameter body: sent as `type`.
  func get(
    _ target: String, method: String = "GET", body: String? = nil, type: String? = "application/json",
    authorization: String? = "Bearer \(TestTown.token)"
  ) async throws -> Reply {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(target)")
    request.method = .init(rawValue: method)
    if let body {
      request.body = .bytes(Array(body.utf8))
      if let type { request.headers.add(name: "Content-Type", value: type) }
    }
    if let authorization { request.headers.add(name: "Authorization", value: authorization) }
    let response = try await HTTPClient.shared.execute(request, timeout: .minutes(10))
    let body = try await response.body.collect(upTo: 16 << 20)
    let headers = Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
    return Reply(status: response.status.code, headers: headers, text: String(buffer: body))
  }

  func post(_ target: String, _ body: String = "", type: String? = "application/json") async throws -> Reply {
    try await get(target, method: "POST", body: body, type: type)
  }

  /// The samples of `/metrics` by name and labels, as they stand there.
  func samples() async throws -> [String: Double] {
    let lines = try await get("/metrics").text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    return Dictionary(
      uniqueKeysWithValues: try lines.map { line in
        let space = try #require(line.lastIndex(of: " "))
        return (String(line[..<space]), try #require(Double(line[line.index(after: space)...])))
      })
  }

  /// Waits until every message sent so far is committed.
  func settle(messages: Int) async throws {
    try await eventually("\(messages) messages are committed") {
      try await samples()["thuong_messages_received_total"] == Double(messages)
    }
  }

  func waitUntilReady() async throws {
    try await eventually("the gateway is ready") { try await get("/readyz").status == 200 }
  }
}

/// That a reply is a problem of that status, as RFC 9457 has it, and gives nothing of the inside away.
func expectProblem(_ reply: RunningConsole.Reply, _ status: UInt, _ words: String = "", at place: SourceLocation = #_sourceLocation) throws
{
  #expect(reply.status == status, "\(reply.text)", sourceLocation: place)
  #expect(reply.headers["content-type"] == "application/problem+json", sourceLocation: place)
  let json = try reply.json
  #expect(json["status"] as? Int == Int(status), sourceLocation: place)
  #expect((json["type"] as? String)?.hasPrefix("/problems/") == true, sourceLocation: place)
  #expect((json["title"] as? String)?.isEmpty == false, sourceLocation: place)
  let detail = try #require(json["detail"] as? String)
  #expect(words.isEmpty || detail.contains(words), "\(detail)", sourceLocation: place)
  for inside in ["SELECT", "sqlite", "/tmp", ".swift", "Optional("] { #expect(!reply.text.contains(inside), sourceLocation: place) }
}
