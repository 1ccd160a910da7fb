import Foundation
import Synchronization

/// A TCP proxy on loopback that can be cut: then it takes every byte and passes none, and closes nothing, as a network does that
/// drops packets. Healed, it passes what comes over new connections; those that were cut stay dead.
final class SilentProxy: Sendable {
  let port: Int
  private let target: Int
  private let listener: Int32
  private let isCut = Mutex(false)
  /// Counts the cuts: a connection that began before the last one, or during it, is dead.
  private let cuts = Mutex(0)

  init(to target: Int) throws {
    self.target = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = Self.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let socket = listener
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && listen(socket, 64) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    guard isListening else { throw POSIXError(.EADDRINUSE) }
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self] in
      while true {
        let client = accept(socket, nil, nil)
        guard client >= 0 else { break }
        guard let self else {
          close(client)
          break
        }
        self.serve(client)
      }
      close(socket)
    }
  }

  func end() { shutdown(listener, Int32(SHUT_RDWR)) }

  func cut() {
    isCut.withLock { $0 = true }
    cuts.withLock { $0 += 1 }
  }

  func heal() { isCut.withLock { $0 = false } }

  private func serve(_ client: Int32) {
    let began = cuts.withLock { $0 }
    let isBornDead = isCut.withLock { $0 }
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = Self.loopback(port: target)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
    guard isBornDead || isConnected else {
      close(client)
      close(server)
      return
    }
    var one: Int32 = 1
    for end in [client, server] { setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size)) }
    Thread.detachNewThread { [weak self] in
      Self.pump(client, server) { [weak self] in isBornDead || self?.cuts.withLock { $0 } != began }
      close(client)
      close(server)
    }
  }

  /// Passes bytes both ways until an end closes; a dead connection lasts until both ends have closed, and neither hears of it.
  private static func pump(_ client: Int32, _ server: Int32, isDead: () -> Bool) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var open = [client, server]
    while !open.isEmpty {
      var descriptors = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
      for descriptor in descriptors where descriptor.revents != 0 {
        let count = recv(descriptor.fd, &buffer, buffer.count, 0)
        if count <= 0 {
          guard isDead() else { return }
          open.removeAll { $0 == descriptor.fd }
        } else if !isDead() {
          guard sendAll(buffer[..<count], to: descriptor.fd == client ? server : client) else { return }
        }
      }
    }
  }

  private static func sendAll(_ bytes: ArraySlice<UInt8>, to socket: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = send(socket, bytes.baseAddress?.advanced(by: done), bytes.count - done, Int32(MSG_NOSIGNAL))
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
