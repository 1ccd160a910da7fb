import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOHTTP1
import Readings
import Synchronization

/// Posts signed events to one sink over kept connections.
final class SinkClient: Sendable {
  private struct AddressRefused: Error { let text: String }

  private let sink: SinkConfiguration
  private let client: HTTPClient
  private let wallClock: @Sendable () -> Timestamp
  /// The host was looked up and found allowed; looked up again after this instant. Every new connection is checked as well.
  private let checkedUntil = Mutex<NIODeadline>(.uptimeNanoseconds(0))

  init(sink: SinkConfiguration, wallClock: @escaping @Sendable () -> Timestamp) {
    (self.sink, self.wallClock) = (sink, wallClock)
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(sink.connectMax)), decompression: .disabled)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    if !sink.allowPrivate {
      configuration.http1_1ConnectionDebugInitializer = { channel in
        guard let refusal = SinkClient.refusal(of: channel.remoteAddress) else { return channel.eventLoop.makeSucceededVoidFuture() }
        return channel.eventLoop.makeFailedFuture(AddressRefused(text: refusal))
      }
    }
    self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func shutdown() async { try? await client.shutdown() }

  /// One attempt, at most `attemptMax` long. Nil where the task was cancelled. A heartbeat has no sequence.
  func post(id: String, body: [UInt8], sequence: Int64?) async -> AttemptOutcome? {
    let deadline = NIODeadline.now() + .milliseconds(sink.attemptMax)
    do {
      if let refusal = try await addressRefusal() { return Task.isCancelled ? nil : .failed(refusal) }
      let response = try await client.execute(request(id: id, body: body, sequence: sequence), deadline: deadline)
      let text = await excerpt(of: response.body, until: deadline)
      let retryAfter = response.headers.first(name: "retry-after").flatMap(RetryAfter.init(header:))
      return .answered(status: Int(response.status.code), retryAfter: retryAfter, text: text)
    } catch {
      return Task.isCancelled ? nil : .failed(describe(error))
    }
  }

  private func request(id: String, body: [UInt8], sequence: Int64?) -> HTTPClientRequest {
    let seconds = wallClock().milliseconds / 1000
    var request = HTTPClientRequest(url: sink.url)
    request.method = .POST
    request.headers = [
      "content-type": "application/cloudevents+json; charset=UTF-8",
      "user-agent": "thuong",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": Signature.header(id: id, seconds: seconds, body: body, secrets: sink.secrets),
    ]
    if let sequence { request.headers.add(name: "thuong-sequence", value: String(sequence)) }
    request.body = .bytes(ByteBuffer(bytes: body))
    return request
  }

  /// The beginning of an answer, one line. The status stands whatever becomes of its body: reading ends at 16 KiB and at the deadline.
  private func excerpt(of body: HTTPClientResponse.Body, until deadline: NIODeadline) async -> String {
    let left = (deadline - .now()).nanoseconds / 1_000_000
    let bytes = try? await before(left) {
      var bytes: [UInt8] = []
      for try await part in body {
        bytes.append(contentsOf: part.readableBytesView.prefix(16_384 - bytes.count))
        if bytes.count >= 16_384 { break }
      }
      return bytes
    }
    return oneLine(String(decoding: (bytes ?? []).prefix(600), as: UTF8.self))
  }

  private func addressRefusal() async throws -> String? {
    guard !sink.allowPrivate, checkedUntil.withLock({ $0 < .now() }) else { return nil }
    let host = sink.host
    guard let addresses = try await before(sink.connectMax, { await AddressRule.resolve(host) }) ?? nil, !addresses.isEmpty else {
      return "\(host) has no address"
    }
    for address in addresses {
      if let kind = AddressRule.refusal(address) { return SinkClient.refusalText(host, kind) }
    }
    checkedUntil.withLock { $0 = .now() + .seconds(60) }
    return nil
  }

  private static func refusal(of address: SocketAddress?) -> String? {
    guard let text = address?.ipAddress, let bytes = AddressRule.bytes(ofLiteral: text) else { return "the peer has no address" }
    return AddressRule.refusal(bytes).map { refusalText(text, $0) }
  }

  private static func refusalText(_ host: String, _ kind: String) -> String {
    "\(host) is a \(kind) address; set allow_private: true if it is meant"
  }

  private func describe(_ error: any Error) -> String {
    if let refused = error as? AddressRefused { return refused.text }
    if let error = error as? HTTPClientError {
      if error == .deadlineExceeded { return "no answer within \(sink.attemptMax) ms" }
      if error == .connectTimeout { return "no connection within \(sink.connectMax) ms" }
    }
    // What the network says, without the layers that it passed: "Connection refused".
    if let io = error as? IOError { return String(cString: strerror(io.errnoCode)) }
    if let failed = error as? NIOConnectionError, let last = failed.connectionErrors.last { return describe(last.error) }
    return oneLine("\(error)")
  }

  private func oneLine(_ text: String) -> String {
    let printable = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
    return String(String(printable).prefix(200)).trimmingCharacters(in: .whitespaces)
  }
}

/// What `body` returns within that time, else nil; then it is cancelled.
private func before<Value: Sendable>(
  _ milliseconds: Milliseconds, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .milliseconds(max(0, milliseconds)))
      return nil
    }
    defer { group.cancelAll() }
    return try await group.next() ?? nil
  }
}
