import Foundation
import Logging
import Outbox
import Synchronization
import TestSupport
import Testing

/// Client credentials, RFC 6749 section 4.4, against a token endpoint and an IOC that takes only its newest token.
@Suite struct SinkTokenTests {
  /// What the token endpoint gives, and what the IOC takes.
  private final class Issuer: Sendable {
    let life: Int
    private let state = Mutex((given: 0, valid: Set<String>()))
    init(life: Int) { self.life = life }

    var given: Int { state.withLock { $0.given } }

    func issue() -> TestPeer.Reply {
      let token = state.withLock { state in
        state.given += 1
        state.valid = ["token-\(state.given)"]
        return "token-\(state.given)"
      }
      return .answer(200, body: "{\"access_token\":\"\(token)\",\"token_type\":\"bearer\",\"expires_in\":\(life)}")
    }

    func takes(_ request: TestPeer.Request) -> TestPeer.Reply {
      let token = request.header("authorization") ?? ""
      return .answer(state.withLock { $0.valid.contains { token == "Bearer \($0)" } } ? 204 : 401)
    }

    func revoke() { state.withLock { $0.valid = [] } }
  }

  private let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory() }

  private func client(_ port: Int, scope: String? = "events") throws -> OAuthClient {
    let file = "\(directory.path)/oauth.secret"
    try "s3:cr/et\n".write(toFile: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    return try OAuthClient(tokenURL: "http://127.0.0.1:\(port)/token", id: "bg vy", secretFile: file, scope: scope)
  }

  private func sink(_ ioc: TestPeer, _ tokens: TestPeer, concurrency: Int = 1) throws -> SinkConfiguration {
    var sink = try DeliveryRun.sink("ioc", ioc.port)
    (sink.oauth, sink.concurrency) = (try client(tokens.port), concurrency)
    return sink
  }

  @Test func `one token serves all requests, however many want it at once`() async throws {
    let issuer = Issuer(life: 3600)
    let tokens = try await TestPeer { _ in issuer.issue() }
    let ioc = try await TestPeer { issuer.takes($0) }
    let figures = try await DeliveryRun.deliver(50, to: sink(ioc, tokens, concurrency: 8))
    #expect(figures.delivered == 50)
    #expect(issuer.given == 1)
    #expect(ioc.requests.count == 50)
    let request = try #require(tokens.requests.first)
    #expect(request.header("authorization") == "Basic " + Data("bg%20vy:s3%3Acr%2Fet".utf8).base64EncodedString())
    #expect(String(decoding: request.body, as: UTF8.self) == "grant_type=client_credentials&scope=events")
    #expect(request.header("content-type") == "application/x-www-form-urlencoded")
  }

  @Test(.timeLimit(.minutes(5))) func `a delivery that waits for a token ends when it is told to, whatever the endpoint does`() async throws
  {
    let tokens = try await TestPeer { _ in .silence }
    let ioc = try await TestPeer { _ in .answer(204) }
    var sink = try sink(ioc, tokens)
    sink.attemptMax = 3_600_000
    let outbox = try OutboxFile()
    try outbox.enqueue([Sample.record(1)], to: [SinkFilter(sink: sink.id)])
    try await DeliveryRun.deliver(outbox, [sink]) { _ in
      while tokens.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(ioc.requests.isEmpty)
  }

  @Test func `a token that has ended is not used again`() async throws {
    let issuer = Issuer(life: 0)
    let tokens = try await TestPeer { _ in issuer.issue() }
    let ioc = try await TestPeer { issuer.takes($0) }
    #expect(try await DeliveryRun.deliver(10, to: sink(ioc, tokens)).delivered == 10)
    #expect(issuer.given == 10)
    #expect(ioc.requests.count == 10, "none was refused")
  }

  @Test func `a token that the IOC refuses is replaced at once, within the attempt`() async throws {
    let issuer = Issuer(life: 3600)
    let tokens = try await TestPeer { _ in issuer.issue() }
    let ioc = try await TestPeer { request in
      if request.header("thuong-sequence") == "3", issuer.given == 1 { issuer.revoke() }
      return issuer.takes(request)
    }
    let outbox = try OutboxFile()
    try outbox.enqueue((1...5).map { Sample.record($0) }, to: [SinkFilter(sink: "ioc")])
    try await DeliveryRun.deliver(outbox, [try sink(ioc, tokens)]) { _ in try await outbox.until("ioc") { $0.delivered == 5 } }
    #expect(issuer.given == 2)
    #expect(outbox.committed.allSatisfy { $0.attempts == 1 }, "no attempt failed")
  }

  @Test func `an IOC that refuses every token is asked twice an attempt, not for ever`() async throws {
    let issuer = Issuer(life: 3600)
    let tokens = try await TestPeer { _ in issuer.issue() }
    let ioc = try await TestPeer { _ in .answer(401) }
    let figures = try await DeliveryRun.deliver(1, to: sink(ioc, tokens)) { $0.attemptsOfOldest >= 3 }
    #expect(figures.lastError == "HTTP 401")
    #expect(ioc.requests.count <= 2 * (figures.attemptsOfOldest + 1))
  }

  @Test func `a token endpoint that is down or refuses is a failure of the attempt that says so, and nothing is sent`() async throws {
    let ioc = try await TestPeer { _ in .answer(204) }
    let gone = try await TestPeer { _ in .close }
    let refusing = try await TestPeer { _ in .answer(400, body: #"{"error":"invalid_client"}"#) }
    let silly = try await TestPeer { _ in .answer(200, body: #"{"access_token":"two words"}"#) }
    let mac = try await TestPeer { _ in .answer(200, body: #"{"access_token":"x","token_type":"mac"}"#) }
    let silent = try await TestPeer { _ in .silence }
    let cases = [
      (gone, "no token from 127.0.0.1: "), (refusing, "no token from 127.0.0.1: HTTP 400: invalid_client"),
      (silly, "no token from 127.0.0.1: its answer holds no access_token"), (mac, "no token from 127.0.0.1: its token_type is not Bearer"),
      (silent, "no token from 127.0.0.1: no answer within 100 ms"),
    ]
    for (tokens, text) in cases {
      var sink = try sink(ioc, tokens)
      if text.hasSuffix("100 ms") { sink.attemptMax = 100 }
      let figures = try await DeliveryRun.deliver(1, to: sink) { $0.attemptsOfOldest >= 1 }
      #expect(figures.lastError?.hasPrefix(text) == true, "\(figures.lastError ?? "")")
    }
    #expect(ioc.requests.isEmpty)
  }

  @Test func `neither token nor secret shows itself in the log or in an error`() async throws {
    let issuer = Issuer(life: 3600)
    let tokens = try await TestPeer { _ in issuer.issue() }
    let ioc = try await TestPeer { request in
      if request.header("thuong-sequence") == "2" { return .answer(500) }
      return issuer.takes(request)
    }
    let log = LogLines()
    let figures = try await DeliveryRun.deliver(3, to: sink(ioc, tokens), logger: log.logger) {
      $0.delivered == 2 && $0.attemptsOfOldest >= 2
    }
    let text = log.lines.joined(separator: "\n") + (figures.lastError ?? "")
    #expect(log.lines.count >= 4)
    #expect(!text.contains("token-1") && !text.contains("s3:cr"))
    let client = try client(1)
    #expect(!"\(client)".contains("s3:cr") && !String(reflecting: client).contains("s3:cr"))
  }
}

/// What is logged, at every level.
final class LogLines: Sendable {
  private let all = Mutex<[String]>([])
  var lines: [String] { all.withLock { $0 } }

  var logger: Logger {
    var logger = Logger(label: "test") { _ in Handler(lines: self) }
    logger.logLevel = .trace
    return logger
  }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      lines.all.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
  }
}
