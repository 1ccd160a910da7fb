import NIOCore
import NIOHTTP1
import Readings

/// Posts signed events to one sink: as CloudEvents or through its template, with a token where it wants one.
final class SinkClient: Sendable {
  private let sink: SinkConfiguration
  private let peer: HTTPPeer
  private let tokens: (source: TokenSource, peer: HTTPPeer)?
  private let secrets: RotatingSecrets
  private let wallClock: @Sendable () -> Timestamp

  init(sink: SinkConfiguration, secrets: RotatingSecrets, wallClock: @escaping @Sendable () -> Timestamp) {
    precondition(!sink.secrets.isEmpty, "what is not signed is not sent")
    (self.sink, self.secrets, self.wallClock) = (sink, secrets, wallClock)
    peer = HTTPPeer(url: sink.url, host: sink.host, of: sink)
    tokens = sink.oauth.map { client in
      let peer = HTTPPeer(url: client.tokenURL, host: client.host, of: sink)
      return (TokenSource(client: client, peer: peer), peer)
    }
  }

  func shutdown() async {
    await peer.shutdown()
    await tokens?.peer.shutdown()
  }

  /// One attempt, at most `attemptMax` long. Nil where the task was cancelled. A heartbeat has no sequence.
  func post(id: String, body event: [UInt8], sequence: Int64?) async -> AttemptOutcome? {
    let deadline = NIODeadline.now() + .milliseconds(sink.attemptMax)
    let body = sink.body?.render(event) ?? event
    do {
      let answer = try await authorized(headers(id: id, body: body, sequence: sequence), body, until: deadline)
      let text = HTTPPeer.oneLine(String(decoding: answer.body.prefix(600), as: UTF8.self))
      return .answered(status: answer.status, retryAfter: answer.retryAfter, text: text)
    } catch {
      return Task.isCancelled ? nil : .failed((error as? PeerFailure)?.text ?? HTTPPeer.oneLine("\(error)"))
    }
  }

  /// Posts with a token where there is one. One that is refused may have been revoked: the next one gets one chance.
  private func authorized(_ headers: HTTPHeaders, _ body: [UInt8], until deadline: NIODeadline) async throws -> HTTPPeer.Answer {
    guard let tokens else { return try await peer.post(headers, body, until: deadline) }
    var headers = headers
    let token = try await tokens.source.current(until: deadline)
    headers.replaceOrAdd(name: "authorization", value: "Bearer \(token)")
    let answer = try await peer.post(headers, body, until: deadline)
    guard answer.status == 401 else { return answer }
    await tokens.source.drop(token)
    headers.replaceOrAdd(name: "authorization", value: "Bearer \(try await tokens.source.current(until: deadline))")
    return try await peer.post(headers, body, until: deadline)
  }

  private func headers(id: String, body: [UInt8], sequence: Int64?) -> HTTPHeaders {
    let seconds = wallClock().milliseconds / 1000
    var headers: HTTPHeaders = [
      "content-type": sink.body?.contentType ?? "application/cloudevents+json; charset=UTF-8",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": Signature.header(id: id, seconds: seconds, body: body, secrets: secrets.current()),
    ]
    if let sequence { headers.add(name: "thuong-sequence", value: String(sequence)) }
    for header in sink.headers { headers.add(name: header.name, value: header.value) }
    return headers
  }
}
