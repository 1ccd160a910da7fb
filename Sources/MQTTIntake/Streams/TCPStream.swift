import Glibc

/// A TCP connection that does not block, and raises no SIGPIPE.
final class TCPStream: ByteStream {
  private(set) var descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close() }

  /// Looks the name up and tries its addresses in turn, ten seconds each. Blocks.
  static func connect(host: String, port: Int) throws(MQTTFault) -> TCPStream {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, String(port), &hints, &first)
    // Safe: the list is the resolver's until it is freed, which happens once, after the last use.
    defer { unsafe freeaddrinfo(first) }
    guard code == 0 else {
      throw MQTTFault("\(host): the name cannot be looked up (\(unsafe String(cString: gai_strerror(code)))); check broker.url")
    }
    var failures: [String] = []
    var next = unsafe first
    while let address = unsafe next {
      let descriptor = unsafe socket(
        address.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
      let stream = TCPStream(descriptor: descriptor)
      guard let failure = unsafe stream.connect(to: address.pointee) else {
        stream.keepBufferSmall()
        return stream
      }
      failures.append(failure)
      unsafe next = address.pointee.ai_next
    }
    throw MQTTFault("\(host):\(port): \(failures.joined(separator: ", ")); is a broker running there?")
  }

  /// Nil where it is connected, otherwise why not.
  private func connect(to address: addrinfo) -> String? {
    guard descriptor >= 0 else { return Self.text(errno) }
    var on: Int32 = 1
    // Safe: options are four bytes long; the address is as long as the resolver says.
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    if unsafe Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return nil }
    guard errno == EINPROGRESS || errno == EINTR else { return Self.text(errno) }
    var patience = SocketPatience()
    guard patience.wait(for: Int16(POLLOUT), on: descriptor) else { return "no answer in ten seconds" }
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    return code == 0 ? nil : Self.text(code)
  }

  /// The broker writes each message by itself. With room at our end each write becomes a segment, with all its work in the broker's only
  /// thread; with none it waits in the broker's kernel, and leaves it in large segments when we read. So over a way of less than a
  /// millisecond the buffer is small, where the kernel would let it grow to megabytes; 24 KiB a millisecond are 24 MB/s.
  private func keepBufferSmall() {
    var info = tcp_info()
    var length = socklen_t(MemoryLayout<tcp_info>.size)
    // Safe: no more is written than the length says.
    guard unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0, info.tcpi_rtt < 1000 else { return }
    var size: Int32 = 24 << 10
    // Safe: the option is four bytes long.
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
    while true {
      // Safe: at most as many bytes as there is room for.
      let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .ended(MQTTFault.closed.description) }
      if errno != EINTR { return Self.result(errno) }
    }
  }

  var hasInput: Bool {
    guard descriptor >= 0 else { return false }
    var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // Safe: one entry.
    return unsafe poll(&one, 1, 0) > 0
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult {
    while true {
      // Safe: no more bytes than there are.
      let count = unsafe send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count > 0 { return .bytes(count) }
      if count == 0 { return .wouldBlock }
      if errno != EINTR { return Self.result(errno) }
    }
  }

  func close() {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
    descriptor = -1
  }

  private static func result(_ code: Int32) -> StreamResult {
    code == EAGAIN || code == EWOULDBLOCK ? .wouldBlock : .ended("the connection to the broker broke (\(text(code)))")
  }

  // Safe: strerror's text is this thread's own, and copied at once.
  private static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}

/// How long a blocking step may wait for its socket in all: ten seconds, without a look at a clock.
struct SocketPatience {
  private var slices = 100

  /// False where the patience is at its end.
  mutating func wait(for events: Int16, on descriptor: Int32) -> Bool {
    while slices > 0 {
      slices -= 1
      var one = pollfd(fd: descriptor, events: events, revents: 0)
      // Safe: one entry.
      if unsafe poll(&one, 1, 100) > 0 { return true }
    }
    return false
  }
}
