import Foundation
import HTTPTypes
import Hummingbird
package import Logging
package import Outbox
package import Readings
import Synchronization

/// A stand-in for an operations centre: takes events at any path of a loopback port, verifies each, and hands them on.
///
/// It answers 204 to what it takes, 401 to what is not signed by one of its secrets within five minutes, and 400, 415 or 422 to
/// what is signed but not a CloudEvent.
package final class StandInIOC: Sendable {
  package struct Figures: Sendable, Equatable {
    /// Distinct events answered with 2xx, heartbeats apart.
    package var received = 0
    /// Events answered with 2xx once more.
    package var duplicates = 0
    /// Jumps of a sender's sequence.
    package var gaps = 0
    package var refused = 0

    package init(received: Int = 0, duplicates: Int = 0, gaps: Int = 0, refused: Int = 0) {
      (self.received, self.duplicates, self.gaps, self.refused) = (received, duplicates, gaps, refused)
    }
  }

  private enum Serving {
    case no([CheckedContinuation<Int, any Error>])
    case port(Int)
    case ended
  }

  private let secrets: [WebhookSecret]
  private let wantedPort: Int
  private let logger: Logger
  private let wallClock: @Sendable () -> Timestamp
  private let respond: @Sendable (ReceivedEvent) -> Int
  private let refused: @Sendable (ReceivedEvent.Refusal) -> Void
  private let handler: @Sendable (ReceivedEvent) -> Void
  private let ledger = Mutex(SequenceLedger())
  private let refusals = Mutex(0)
  private let serving = Mutex(Serving.no([]))

  /// Port 0 takes a free one. `respond` chooses the status of a verified event; `handler` then gets it, with status, order and
  /// whether it is a duplicate. Both are called on the server's threads and must not block.
  package init(
    secrets: [WebhookSecret], port: Int = 0, logger: Logger, wallClock: @escaping @Sendable () -> Timestamp,
    respond: @escaping @Sendable (ReceivedEvent) -> Int = { _ in 204 },
    refused: @escaping @Sendable (ReceivedEvent.Refusal) -> Void = { _ in },
    handler: @escaping @Sendable (ReceivedEvent) -> Void
  ) {
    (self.secrets, self.wantedPort, self.logger, self.wallClock) = (secrets, port, logger, wallClock)
    (self.respond, self.refused, self.handler) = (respond, refused, handler)
  }

  package var figures: Figures {
    let (received, duplicates, gaps) = ledger.withLock { ($0.received, $0.duplicates, $0.gaps) }
    return Figures(received: received, duplicates: duplicates, gaps: gaps, refused: refusals.withLock { $0 })
  }

  /// The port it listens on; nil before and after.
  package var port: Int? {
    serving.withLock { if case .port(let port) = $0 { port } else { nil } }
  }

  /// Waits until it listens. Throws where it ended without: the port was taken.
  package func boundPort() async throws -> Int {
    try await withCheckedThrowingContinuation { continuation in
      serving.withLock { state in
        switch state {
        case .no(let waiting): state = .no(waiting + [continuation])
        case .port(let port): continuation.resume(returning: port)
        case .ended: continuation.resume(throwing: CancellationError())
        }
      }
    }
  }

  /// Serves until its task is cancelled.
  package func run() async throws {
    var quiet = logger
    quiet.logLevel = .critical  // what ends it is thrown; a connection cut at the end is no news
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { [self] request, _ in try await answer(request) },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: wantedPort), serverName: "thuong-ioc"),
      onServerRunning: { [self] channel in
        guard let port = channel.localAddress?.port else { return }
        become(.port(port))
      },
      logger: quiet)
    defer { become(.ended) }
    try await application.run()
  }

  private func become(_ next: Serving) {
    let waiting: [CheckedContinuation<Int, any Error>] = serving.withLock { state in
      defer { state = next }
      if case .no(let waiting) = state { return waiting }
      return []
    }
    for continuation in waiting {
      if case .port(let port) = next { continuation.resume(returning: port) } else { continuation.resume(throwing: CancellationError()) }
    }
  }

  private func answer(_ request: Request) async throws -> Response {
    guard request.method == .post else { return Response(status: .methodNotAllowed) }
    guard let body = try? await request.body.collect(upTo: 1_048_576) else { return Response(status: .contentTooLarge) }
    let received = ReceivedRequest(
      path: request.uri.path, contentType: request.headers[.contentType], webhookID: request.headers["webhook-id"],
      webhookTimestamp: request.headers["webhook-timestamp"], webhookSignature: request.headers["webhook-signature"],
      sequence: request.headers["thuong-sequence"], body: Array(body.readableBytesView))
    do throws(ReceivedEvent.Refusal) {
      var event = try ReceivedEvent(received, secrets: secrets, now: wallClock())
      event.order = ledger.withLock { $0.note(event) }
      event.isDuplicate = ledger.withLock { $0.isDuplicate(event) }
      event.answer = respond(event)
      if (200...299).contains(event.answer) { ledger.withLock { $0.take(event) } }
      handler(event)
      return Response(status: .init(code: event.answer))
    } catch {
      refusals.withLock { $0 += 1 }
      refused(error)
      return Response(status: .init(code: error.status), body: .init(byteBuffer: ByteBuffer(string: error.text)))
    }
  }
}

extension HTTPFields {
  fileprivate subscript(_ name: String) -> String? { HTTPField.Name(name).flatMap { self[$0] } }
}
