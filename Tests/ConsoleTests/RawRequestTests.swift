import Foundation
import Glibc
import Testing

/// What no HTTP client would send, over a bare socket.
@Suite struct RawRequestTests {
  @Test func `a broken request line or head is refused, and the next client is served`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let end = "Host: x\r\nConnection: close\r\n\r\n"
      let refused: [(String, String)] = [
        ("GET /livez?% HTTP/1.1\r\n\(end)", "400"), ("GET /livez?%4 HTTP/1.1\r\n\(end)", "400"), ("GET /%zz HTTP/1.1\r\n\(end)", "400"),
        ("GET /livez%00 HTTP/1.1\r\n\(end)", "404"), ("GET http://x/livez HTTP/1.1\r\n\(end)", "200"), ("GET * HTTP/1.1\r\n\(end)", "400"),
        ("BREW /livez HTTP/1.1\r\n\(end)", "400"), ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nX: \(String(repeating: "y", count: 20_000))\r\n\(end)", "400"),
        ("GET /api/v1/devices HTTP/1.1\r\nAuthorization: Bearer x\r\nAuthorization: Bearer \(TestTown.token)\r\n\(end)", "401"),
      ]
      for (request, status) in refused {
        let reply = try await exchange(request, console.port)
        #expect(reply.hasPrefix("HTTP/1.1 \(status) "), "\(request.prefix(60)): \(reply.prefix(200))")
        #expect(try await console.get("/livez").text == "ok\n")
      }
    }
  }

  @Test func `requests in a row on one connection are answered in order`() async throws {
    try await RunningConsole.run(try TestTown(broker: PrivateBroker.freePort())) { console in
      let reply = try await exchange(
        "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nPOST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
          + "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", console.port)
      let statuses = reply.matches(of: /HTTP\/1\.1 ([0-9]{3})/).map { String($0.1) }
      #expect(statuses == ["200", "405", "200"], "\(reply)")
    }
  }

  /// Sends the bytes and reads until the server closes. On a thread of its own: the server needs those of the pool.
  private func exchange(_ request: String, _ port: Int) async throws -> String {
    let reply = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: Self.exchangeBlocking(Array(request.utf8), port)) }
    }
    return try #require(reply, "no connection")
  }

  private static func exchangeBlocking(_ request: [UInt8], _ port: Int) -> String? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = UInt16(port).bigEndian
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard connected == 0, send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
    var reply: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { reply += buffer[..<count] }
    return String(decoding: reply, as: UTF8.self)
  }
}
