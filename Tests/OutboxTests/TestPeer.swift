import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A peer on a loopback port that answers HTTP as it is told, or does not: it counts connections and keeps what it was sent.
final class TestPeer: Sendable {
  struct Request: Sendable {
    var head: String
    var body: [UInt8]
    /// The value of a header; its name in lower case.
    func header(_ name: String) -> String? {
      head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ":") }.map {
        String($0.dropFirst(name.utf8.count + 1)).trimmingPrefix(" ").description
      }
    }
  }

  enum Reply: Sendable {
    case answer(Int, headers: [(String, String)] = [], body: String = "")
    /// Answers, and ends the connection.
    case answerAndClose(Int)
    /// Says nothing and stays.
    case silence
    /// Ends the connection without an answer.
    case close
    /// A status, then headers without end, a byte now and then.
    case drippingHead(Int)
    /// A status and whole headers, then a byte now and then.
    case drippingBody(Int)
    /// A body without end, as fast as it is taken.
    case endless(Int)
  }

  let port: Int
  private let channel: any Channel
  private let account: Account

  final class Account: Sendable {
    let accepted = Atomic(0), written = Atomic(0)
    let requests = Mutex<[Request]>([])
  }

  init(tls: TLSConfiguration? = nil, reply: @escaping @Sendable (Request) -> Reply) async throws {
    let account = Account()
    let context = try tls.map { try NIOSSLContext(configuration: $0) }
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        account.accepted.add(1, ordering: .relaxed)
        return channel.eventLoop.makeCompletedFuture {
          if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try channel.pipeline.syncOperations.addHandler(PeerHandler(account: account, reply: reply))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.account = account
    port = channel.localAddress?.port ?? 0
  }

  deinit { channel.close(promise: nil) }

  var accepted: Int { account.accepted.load(ordering: .relaxed) }
  /// Bytes written of endless bodies.
  var written: Int { account.written.load(ordering: .relaxed) }
  var requests: [Request] { account.requests.withLock { $0 } }
}

private final class PeerHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let account: TestPeer.Account
  private let reply: @Sendable (TestPeer.Request) -> TestPeer.Reply
  private var bytes: [UInt8] = []
  private var isEndless = false

  init(account: TestPeer.Account, reply: @escaping @Sendable (TestPeer.Request) -> TestPeer.Reply) {
    (self.account, self.reply) = (account, reply)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes += unwrapInboundIn(data).readableBytesView
    while let request = take() {
      account.requests.withLock { $0.append(request) }
      answer(reply(request), context)
    }
  }

  private func take() -> TestPeer.Request? {
    guard let end = bytes.indices.dropLast(3).first(where: { bytes[$0...].starts(with: [13, 10, 13, 10]) }) else { return nil }
    let head = String(decoding: bytes[..<end], as: UTF8.self)
    var request = TestPeer.Request(head: head, body: [])
    let length = request.header("content-length").flatMap(Int.init) ?? 0
    guard bytes.count >= end + 4 + length else { return nil }
    request.body = Array(bytes[end + 4..<end + 4 + length])
    bytes.removeFirst(end + 4 + length)
    return request
  }

  private func answer(_ reply: TestPeer.Reply, _ context: ChannelHandlerContext) {
    switch reply {
    case .answer(let status, let headers, let body):
      let lines = headers.map { "\($0): \($1)\r\n" }.joined()
      write("HTTP/1.1 \(status) X\r\ncontent-length: \(body.utf8.count)\r\n\(lines)\r\n\(body)", context)
    case .answerAndClose(let status):
      write("HTTP/1.1 \(status) X\r\ncontent-length: 0\r\n\r\n", context)
      context.close(promise: nil)
    case .silence: break
    case .close: context.close(promise: nil)
    case .drippingHead(let status):
      write("HTTP/1.1 \(status) X\r\nx-slow: ", context)
      drip(context)
    case .drippingBody(let status):
      write("HTTP/1.1 \(status) X\r\ncontent-length: 1000000\r\n\r\n", context)
      drip(context)
    case .endless(let status):
      write("HTTP/1.1 \(status) X\r\ntransfer-encoding: chunked\r\n\r\n", context)
      isEndless = true
      pour(context)
    }
  }

  private func write(_ text: String, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
  }

  private func drip(_ context: ChannelHandlerContext) {
    let context = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.value.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(5)) { [self] in
      guard context.value.channel.isActive else { return }
      write("x", context.value)
      drip(context.value)
    }
  }

  private func pour(_ context: ChannelHandlerContext) {
    guard isEndless, context.channel.isActive else { return }
    let chunk = String(repeating: "y", count: 65_536)
    let context = NIOLoopBound(context, eventLoop: context.eventLoop)
    let written = context.value.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "10000\r\n\(chunk)\r\n")))
    written.assumeIsolated().whenSuccess { [self] in
      account.written.add(65_536, ordering: .relaxed)
      pour(context.value)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
