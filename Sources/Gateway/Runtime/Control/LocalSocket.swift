import Glibc

/// A stream socket of this machine, in a directory whose path may be longer than a socket's address can be.
struct LocalSocket: ~Copyable, Sendable {
  let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }

  /// Listens there with mode 0600. A file that a killed process left takes no one's place: the caller holds the directory's lock.
  ///
  /// - Returns: nil where it cannot; errno says why.
  static func listening(directory: String, name: String, backlog: Int32) -> LocalSocket? {
    open(directory: directory, name: name) { descriptor, address, size, path in
      unlink(path)
      guard bind(descriptor, address, size) == 0 else { return false }
      // Nobody can connect before it listens.
      return chmod(path, 0o600) == 0 && listen(descriptor, backlog) == 0
    }
  }

  /// - Returns: nil where nobody listens there.
  static func connected(directory: String, name: String) -> LocalSocket? {
    open(directory: directory, name: name) { descriptor, address, size, _ in connect(descriptor, address, size) == 0 }
  }

  /// The next connection; nil where there is none any more.
  borrowing func accepted() -> LocalSocket? {
    let connection = accept(descriptor, nil, nil)
    guard connection >= 0 else { return nil }
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    return LocalSocket(connection)
  }

  private static func open(
    directory: String, name: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t, String) -> Bool
  ) -> LocalSocket? {
    let folder = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return nil }
    defer { close(folder) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    // An address has 108 bytes: the directory stands in it as the descriptor that we hold.
    let path = "/proc/self/fd/\(folder)/\(name)"
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let isUsed = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size), path) }
    }
    guard isUsed else {
      let reason = errno
      close(descriptor)
      errno = reason
      return nil
    }
    return LocalSocket(descriptor)
  }

  // MARK: Bytes

  /// What poll sees of it within the time; 0 where nothing came.
  borrowing func wait(for events: Int32, milliseconds: Int32) -> Int16 {
    var place = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&place, 1, milliseconds) > 0 ? place.revents : 0
  }

  /// Some bytes; empty where nothing more comes.
  borrowing func read(atMost limit: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: limit) { room, count in
      repeat { count = recv(descriptor, room.baseAddress, limit, 0) } while count < 0 && errno == EINTR
      count = max(0, count)
    }
  }

  /// All of them, each part within the time. False where the other side is gone or does not take them.
  borrowing func write(_ bytes: [UInt8], milliseconds: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
      guard wait(for: POLLOUT, milliseconds: milliseconds) & Int16(POLLOUT) != 0 else { return false }
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
      }
      if count < 0, errno != EINTR, errno != EAGAIN { return false }
      written += max(0, count)
    }
    return true
  }
}
