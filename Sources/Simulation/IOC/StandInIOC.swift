import Foundation
import HTTPTypes
import Hummingbird
package import Logging
import NIOCore
package import Outbox
package import Readings
import Synchronization

/// A stand-in for an operations centre: takes events at any path of a loopback port, verifies each, and hands them on.
///
/// It answers 204 to what it takes, 401 to what is not signed by one of its secrets within five minutes, and 400, 415 or 422 to
/// what is signed but not a CloudEvent. A `Misbehaviour` makes it do otherwise. `GET /` is a page for people, `GET /state` the same as
/// JSON.
package final class StandInIOC: Sendable {
  package struct Figures: Sendable, Equatable {
    /// Of what was taken, since the beginning of its file where it has one.
    package var ledger = ReceiverLedger.Figures()
    /// Requests that are not signed or not CloudEvents.
    package var refused = 0
    /// Attempts that came before the time that `Retry-After` had told.
    package var early = 0
    /// How often it misbehaved on purpose, by kind.
    package var misbehaved: [String: Int] = [:]

    /// Distinct events answered with 2xx, heartbeats apart.
    package var received: Int { ledger.distinct }
    /// Events answered with 2xx once more.
    package var duplicates: Int { ledger.again }

    package init() {}
  }

  /// What does not stand in the ledger, since it ends with the process.
  private struct Requests {
    var refused = 0
    var early = 0
    var misbehaved: [String: Int] = [:]
    /// Attempts by id of the event, for the choice of the next misbehaviour.
    var attempts: [String: Int] = [:]
    /// When an event that was answered with `Retry-After` may come again, in milliseconds since the start.
    var notBefore: [String: Milliseconds] = [:]
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
  private let misbehaviour: Misbehaviour?
  private let respond: @Sendable (ReceivedEvent) -> Int
  private let refused: @Sendable (ReceivedEvent.Refusal) -> Void
  private let handler: @Sendable (ReceivedEvent) -> Void
  private let keeping: EventKeeping
  private let requests = Mutex(Requests())
  private let serving = Mutex(Serving.no([]))
  private let begun = ContinuousClock.now

  /// Port 0 takes a free one. `respond` chooses the status of a verified event that nothing is done wrong to; `handler` then gets it,
  /// with what became of it. Both are called on the server's threads and must not block.
  package init(
    secrets: [WebhookSecret], port: Int = 0, logger: Logger, wallClock: @escaping @Sendable () -> Timestamp,
    misbehaviour: Misbehaviour? = nil, file: ReceivedEventFile? = nil,
    respond: @escaping @Sendable (ReceivedEvent) -> Int = { _ in 204 },
    refused: @escaping @Sendable (ReceivedEvent.Refusal) -> Void = { _ in },
    handler: @escaping @Sendable (ReceivedEvent) -> Void
  ) {
    (self.secrets, self.wantedPort, self.logger, self.wallClock) = (secrets, port, logger, wallClock)
    (self.misbehaviour, self.respond, self.refused, self.handler) = (misbehaviour, respond, refused, handler)
    keeping = EventKeeping(file)
  }

  package var figures: Figures {
    var figures = Figures()
    figures.ledger = keeping.state.figures
    requests.withLock { (figures.refused, figures.early, figures.misbehaved) = ($0.refused, $0.early, $0.misbehaved) }
    return figures
  }

  /// What it has account of now.
  package var state: ReceiverLedger { keeping.state }

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
      responder: CallbackResponder<IOCRequestContext> { [self] request, context in await answer(request, context.channel) },
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

  // MARK: A request

  private func answer(_ request: Request, _ channel: any Channel) async -> Response {
    switch (request.method, request.uri.path) {
    case (.get, "/"): return page.response
    case (.get, "/state"): return Response(json: page.json)
    case (.post, _): break
    default: return Response(status: .methodNotAllowed, headers: [.allow: "POST"])
    }
    if let misbehaviour, misbehaviour.isDown(after: elapsed) {
      count("down")
      return await channel.hangUp()
    }
    let item = chosen(for: request)
    if let item { count(item.name) }
    switch item?.fault {
    case .reset: return await channel.hangUp()
    case .hang: return await channel.hang()
    default: break
    }
    guard let body = try? await request.body.collect(upTo: 1_048_576) else { return Response(status: .contentTooLarge) }
    do throws(ReceivedEvent.Refusal) {
      let event = try ReceivedEvent(ReceivedRequest(request, body), secrets: secrets, now: wallClock())
      return await answer(event, item, channel)
    } catch {
      return refuse(error)
    }
  }

  private func answer(_ verified: ReceivedEvent, _ item: Misbehaviour.Item?, _ channel: any Channel) async -> Response {
    var event = verified
    event.isAltered = !keeping.compareBytes(of: event)
    event.isEarly = isEarly(event.id)
    event.misbehaviour = item?.name
    event.answer = item.map { $0.fault.status ?? 0 } ?? respond(event)
    if item?.fault.keeps ?? (200...299).contains(event.answer) {
      do { event.order = try await keeping.take(event) } catch {
        logger.error("An event was not kept", metadata: ["error": "\(error)"])
        return refuse(ReceivedEvent.Refusal(status: 503, text: "the event could not be kept"))
      }
    }
    handler(event)
    guard let item else { return Response(status: .init(code: event.answer)) }
    if case .status(_, let retryAfter?) = item.fault { hold(event.id, for: retryAfter) }
    return await channel.perform(item.fault, choice: Misbehaviour.fraction("part \(event.id)"))
  }

  private func refuse(_ refusal: ReceivedEvent.Refusal) -> Response {
    requests.withLock { $0.refused += 1 }
    refused(refusal)
    return Response(status: .init(code: refusal.status), body: .init(byteBuffer: ByteBuffer(string: refusal.text)))
  }

  // MARK: Misbehaving

  private var elapsed: Milliseconds { Milliseconds((ContinuousClock.now - begun) / .milliseconds(1)) }

  private func count(_ kind: String) { requests.withLock { $0.misbehaved[kind, default: 0] += 1 } }

  private func chosen(for request: Request) -> Misbehaviour.Item? {
    guard let misbehaviour else { return nil }
    let id = request.headers["webhook-id"] ?? ""
    let attempt = requests.withLock { requests in
      requests.attempts[id, default: 0] += 1
      return requests.attempts[id, default: 0]
    }
    return misbehaviour.item(id: id, attempt: attempt)
  }

  private func hold(_ id: String, for time: Milliseconds) {
    let until = elapsed + time
    requests.withLock { $0.notBefore[id] = until }
  }

  private func isEarly(_ id: String) -> Bool {
    let now = elapsed
    return requests.withLock { requests in
      guard let until = requests.notBefore.removeValue(forKey: id), now < until else { return false }
      requests.early += 1
      return true
    }
  }

  private var page: IOCPage { IOCPage(ledger: state, figures: figures, misbehaviour: misbehaviour?.text, now: wallClock()) }
}

/// A request's context with its connection, which misbehaviour needs.
private struct IOCRequestContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}

extension ReceivedRequest {
  fileprivate init(_ request: Request, _ body: ByteBuffer) {
    self.init(
      path: request.uri.path, contentType: request.headers[.contentType], webhookID: request.headers["webhook-id"],
      webhookTimestamp: request.headers["webhook-timestamp"], webhookSignature: request.headers["webhook-signature"],
      sequence: request.headers["thuong-sequence"], body: Array(body.readableBytesView))
  }
}

extension HTTPFields {
  fileprivate subscript(_ name: String) -> String? { HTTPField.Name(name).flatMap { self[$0] } }
}
