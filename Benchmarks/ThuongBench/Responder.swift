import ArgumentParser
import Foundation

/// A process of its own that answers every POST with 204, a thread a connection, and reads nothing of it but its length.
///
/// Prints `port N`, and at each so many requests `took FIRST LAST CONNECTIONS`: when the first came and the last was answered, in nanoseconds.
struct Responder: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Child: the IOC.", shouldDisplay: false)

  @Option var count = 1
  @Flag(help: "Let one connect, and say nothing.")
  var silent = false

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 128) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard isBound else { throw BenchFailure("the responder cannot listen") }
    say("port \(UInt16(bigEndian: address.sin_port))")
    let tally = Tally(count: count)
    while true {
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else { throw BenchFailure("accept: \(errno)") }
      if silent { continue }
      tally.connected()
      Thread.detachNewThread { Responder.serve(connection, tally) }
    }
  }

  private static func serve(_ connection: Int32, _ tally: Tally) {
    var yes: Int32 = 1
    setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    var buffer = [UInt8](repeating: 0, count: 262_144)
    var held = 0
    let answer = Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)
    while true {
      let got = buffer.withUnsafeMutableBytes { recv(connection, $0.baseAddress.map { $0 + held }, $0.count - held, 0) }
      guard got > 0 else { break }
      held += got
      while let end = requestEnd(buffer, held) {
        tally.took()
        guard write(connection, answer, answer.count) == answer.count else { break }
        buffer.withUnsafeMutableBytes { bytes in
          if let base = bytes.baseAddress { memmove(base, base + end, held - end) }
        }
        held -= end
      }
    }
    close(connection)
  }

  /// Behind the first request of what is held; nil where it is not whole.
  private static func requestEnd(_ buffer: [UInt8], _ held: Int) -> Int? {
    buffer.withUnsafeBytes { bytes in
      let held = UnsafeRawBufferPointer(rebasing: bytes[..<held])
      guard let head = place(of: "\r\n\r\n", in: held) else { return nil }
      let lines = UnsafeRawBufferPointer(rebasing: held[..<head])
      var length = 0
      if let field = place(of: "content-length: ", in: lines) {
        for byte in lines[(field + 16)...].prefix(while: { (0x30...0x39).contains($0) }) { length = length * 10 + Int(byte - 0x30) }
      }
      return head + 4 + length <= held.count ? head + 4 + length : nil
    }
  }

  private static func place(of text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
    let (first, count) = (text.utf8Start[0], text.utf8CodeUnitCount)
    var at = 0
    while at + count <= bytes.count, let base = bytes.baseAddress, let found = memchr(base + at, Int32(first), bytes.count - at) {
      let place = UnsafeRawPointer(found) - base
      if place + count <= bytes.count, memcmp(base + place, text.utf8Start, count) == 0 { return place }
      at = place + 1
    }
    return nil
  }
}

/// What the connections' threads took.
private final class Tally: @unchecked Sendable {
  private let lock = NSLock()
  private let count: Int
  private var (taken, connections) = (0, 0)
  private var first: Int64 = 0

  init(count: Int) { self.count = count }

  func connected() { lock.withLock { connections += 1 } }

  func took() {
    let now = Machine.nanoseconds
    let line: String? = lock.withLock {
      if taken == 0 { first = now }
      taken += 1
      guard taken == count else { return nil }
      defer { (taken, connections) = (0, 0) }
      return "took \(first) \(now) \(connections)"
    }
    if let line { say(line) }
  }
}
