import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Readings
import Synchronization

/// Why there was no answer, in one line for the operator.
struct PeerFailure: Error {
  let text: String
  init(_ text: String) { self.text = text }
}

/// One URL that is posted to over kept connections.
///
/// It holds to a deadline from names to the last byte, follows no redirect, unpacks nothing, reads at most `bodyMax` of an answer, and
/// posts only to addresses that are allowed: before a request the name is looked up and checked, and the address of each connection is
/// checked again before anything is sent over it, since a name may mean something else a moment later.
final class HTTPPeer: Sendable {
  struct Answer: Sendable {
    var status: Int
    var retryAfter: RetryAfter?
    /// Its beginning.
    var body: [UInt8]
  }

  private struct AddressRefused: Error { let text: String }

  static let bodyMax = 16_384
  private static let checkedFor = TimeAmount.seconds(60)

  private let url, host: String
  private let sink: SinkConfiguration
  private let client: HTTPClient
  /// The host was looked up and found allowed; looked up again after this instant.
  private let checkedUntil = Mutex<NIODeadline>(.uptimeNanoseconds(0))

  /// - Parameter sink: whose TLS, addresses and limits hold for it.
  init(url: String, host: String, of sink: SinkConfiguration) {
    (self.url, self.host, self.sink) = (url, host, sink)
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: sink.tls?.configuration, redirectConfiguration: .disallow,
      timeout: .init(connect: .milliseconds(sink.connectMax)), decompression: .disabled)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = sink.concurrency
    if !sink.allowPrivate {
      configuration.http1_1ConnectionDebugInitializer = { channel in
        guard let refusal = HTTPPeer.refusal(of: channel.remoteAddress) else { return channel.eventLoop.makeSucceededVoidFuture() }
        return channel.close().flatMapThrowing { throw AddressRefused(text: refusal) }
      }
    }
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func shutdown() async { try? await client.shutdown() }

  /// - Throws: `PeerFailure`.
  func post(_ headers: HTTPHeaders, _ body: [UInt8], until deadline: NIODeadline) async throws -> Answer {
    do {
      try await checkAddress(until: deadline)
      var request = HTTPClientRequest(url: url)
      (request.method, request.headers, request.body) = (.POST, headers, .bytes(ByteBuffer(bytes: body)))
      request.headers.replaceOrAdd(name: "user-agent", value: "thuong")
      let response = try await client.execute(request, deadline: deadline)
      let retryAfter = response.headers.first(name: "retry-after").flatMap(RetryAfter.init(header:))
      return Answer(status: Int(response.status.code), retryAfter: retryAfter, body: await beginning(of: response, until: deadline))
    } catch {
      throw PeerFailure(describe(error))
    }
  }

  /// The status stands whatever becomes of the body.
  private func beginning(of response: HTTPClientResponse, until deadline: NIODeadline) async -> [UInt8] {
    let body = response.body
    let collect = { @Sendable in
      var bytes: [UInt8] = []
      for try await part in body {
        bytes.append(contentsOf: part.readableBytesView.prefix(HTTPPeer.bodyMax - bytes.count))
        if bytes.count >= HTTPPeer.bodyMax { break }
      }
      return bytes
    }
    // Most answers have none, and need no clock.
    if response.status == .noContent || response.headers.first(name: "content-length") == "0" { return (try? await collect()) ?? [] }
    return (try? await before(deadline, collect)) ?? []
  }

  private func checkAddress(until deadline: NIODeadline) async throws {
    guard !sink.allowPrivate, checkedUntil.withLock({ $0 < .now() }) else { return }
    let (host, resolve) = (host, sink.resolve)
    let limit = min(deadline, .now() + .milliseconds(sink.connectMax))
    guard let addresses = try await before(limit, { await resolve(host) }) ?? nil, !addresses.isEmpty else {
      throw PeerFailure("\(host) has no address")
    }
    for address in addresses {
      if let kind = AddressRule.refusal(address) { throw PeerFailure(HTTPPeer.refusalText(host, kind)) }
    }
    checkedUntil.withLock { $0 = .now() + HTTPPeer.checkedFor }
  }

  private static func refusal(of address: SocketAddress?) -> String? {
    guard let text = address?.ipAddress, let bytes = AddressRule.bytes(ofLiteral: text) else { return "the peer has no address" }
    return AddressRule.refusal(bytes).map { refusalText(text, $0) }
  }

  private static func refusalText(_ host: String, _ kind: String) -> String {
    "\(host) is a \(kind) address; set allow_private: true if it is meant"
  }

  // MARK: Words

  private func describe(_ error: any Error) -> String {
    switch error {
    case let failure as PeerFailure: return failure.text
    case let refused as AddressRefused: return refused.text
    case let error as HTTPClientError where error == .deadlineExceeded: return "no answer within \(sink.attemptMax) ms"
    case let error as HTTPClientError where error == .connectTimeout: return "no connection within \(sink.connectMax) ms"
    // What the network says, without the layers that it passed: "Connection refused".
    case let io as IOError: return String(cString: strerror(io.errnoCode))
    case let failed as NIOConnectionError:
      if let last = failed.connectionErrors.last { return describe(last.error) }
      return "\(host) has no address"
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: return HTTPPeer.describe(tls: "\(error)")
    default: return HTTPPeer.oneLine("\(error)")
    }
  }

  private static func describe(tls error: String) -> String {
    let known = [
      ("CERTIFICATE_VERIFY_FAILED", "the peer's certificate is not of a trusted authority, or out of date; see tls: ca_file"),
      ("failedToValidateHostname", "the peer's certificate is of another host"),
      ("CERTIFICATE_REQUIRED", "the peer demands a client certificate; see tls: certificate, key"),
      ("UNKNOWN_CA", "the peer does not know who signed the client certificate"),
    ]
    return known.first { error.contains($0.0) }?.1 ?? oneLine("TLS failed: \(error)")
  }

  /// At most 200 characters without control characters.
  static func oneLine(_ text: String) -> String {
    let printable = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
    return String(String(printable).prefix(200)).trimmingCharacters(in: .whitespaces)
  }
}

/// What `body` returns until then, else nil; then it is cancelled.
private func before<Value: Sendable>(
  _ deadline: NIODeadline, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .nanoseconds(max(0, (deadline - .now()).nanoseconds)))
      return nil
    }
    defer { group.cancelAll() }
    return try await group.next() ?? nil
  }
}
