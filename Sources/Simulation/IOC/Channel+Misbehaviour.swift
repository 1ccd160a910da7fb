import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Readings

extension Misbehaviour.Fault {
  /// The status that it is answered with; nil where there is no answer.
  var status: Int? {
    switch self {
    case .status(let status, _): status
    case .redirect: 302
    case .big: 200
    case .slow, .late, .lie: 204
    case .hang, .drop, .reset: nil
    }
  }
}

/// Answers that a server does not give. What they wait for is this connection's alone.
extension Channel {
  /// - Parameter choice: in 0..<1, where there is something to choose.
  func perform(_ fault: Misbehaviour.Fault, choice: Double) async -> Response {
    switch fault {
    case .status(let status, let retryAfter):
      let headers: HTTPFields = retryAfter.map { [.retryAfter: String(($0 + 999) / 1000)] } ?? [:]
      return Response(status: .init(code: status), headers: headers)
    case .redirect(let place): return Response(status: .found, headers: [.location: place])
    case .lie: return Response(status: .noContent)
    case .late(let time):
      try? await Task.sleep(for: .milliseconds(time))
      return Response(status: .noContent)
    case .big: return Response(status: .ok, body: .endless)
    case .slow:
      await drip("HTTP/1.1 204 No Content\r\nserver: thuong-ioc\r\n\r\n")
      return await hangUp()
    case .drop:
      if choice < 0.5 { await write(raw: "HTTP/1.1 2") }
      return await hangUp()
    case .hang: return await hang()
    case .reset: return await hangUp()
    }
  }

  /// Closes the connection. The answer is for nobody.
  func hangUp() async -> Response {
    try? await close()
    return Response(status: .serviceUnavailable)
  }

  /// Waits until the other side has had enough.
  func hang() async -> Response {
    await closeWithPeer()
    await withTaskCancellationHandler {
      try? await closeFuture.get()
    } onCancel: {
      close(promise: nil)
    }
    return Response(status: .serviceUnavailable)
  }

  private func drip(_ text: String) async {
    await closeWithPeer()
    for character in text.unicodeScalars where isActive {
      await write(raw: String(character))
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// The server keeps a connection whose other side is closed until its answer is out, which there is none of here.
  private func closeWithPeer() async { try? await setOption(.allowRemoteHalfClosure, value: false).get() }

  /// Writes bytes past what makes answers into HTTP.
  private func write(raw text: String) async {
    let buffer = ByteBuffer(string: text)
    let written = eventLoop.flatSubmit {
      do {
        let encoder = try self.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
        let promise = self.eventLoop.makePromise(of: Void.self)
        encoder.writeAndFlush(NIOAny(IOData.byteBuffer(buffer)), promise: promise)
        return promise.futureResult
      } catch {
        return self.eventLoop.makeFailedFuture(error)
      }
    }
    try? await written.get()
  }
}

extension ResponseBody {
  /// Goes on until the other side closes.
  fileprivate static var endless: ResponseBody {
    ResponseBody { writer in
      let part = ByteBuffer(repeating: 0x2e, count: 16_384)
      while !Task.isCancelled { try await writer.write(part) }
      try await writer.finish(nil)
    }
  }
}
