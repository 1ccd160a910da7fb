import Foundation
import Glibc
import Simulation
import Synchronization
import Testing

/// A TCP link to a port of this machine that can be made to swallow all that passes, as a dead link does. One connection.
final class SwallowingProxy: Sendable {
  let port: Int
  private let listener: Int32
  private let swallows = Atomic<Bool>(false)
  private let isOver = Atomic<Bool>(false)

  var isSwallowing: Bool {
    get { swallows.load(ordering: .relaxed) }
    set { swallows.store(newValue, ordering: .relaxed) }
  }

  init(to target: Int) throws {
    (listener, port) = try Self.listen()
    Thread.detachNewThread { [self] in
      let near = accept(listener, nil, nil)
      let far = Self.connect(target)
      while !isOver.load(ordering: .relaxed), near >= 0, far >= 0 {
        var both = [pollfd(fd: near, events: Int16(POLLIN), revents: 0), pollfd(fd: far, events: Int16(POLLIN), revents: 0)]
        poll(&both, 2, 50)
        if both[0].revents != 0, !pass(from: near, to: far) { break }
        if both[1].revents != 0, !pass(from: far, to: near) { break }
      }
      for descriptor in [near, far, listener] where descriptor >= 0 { close(descriptor) }
    }
  }

  func end() { isOver.store(true, ordering: .relaxed) }

  private func pass(from: Int32, to: Int32) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = recv(from, &bytes, bytes.count, 0)
    guard count > 0 else { return false }
    return isSwallowing || send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count
  }

  /// A listening socket of this machine alone, and its port.
  static func listen(backlog: Int32 = 1) throws -> (descriptor: Int32, port: Int) {
    let port = try LoopbackPort.free()
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let isBound = withAddress(port) { Glibc.bind(descriptor, $0, $1) == 0 }
    try #require(isBound && Glibc.listen(descriptor, backlog) == 0)
    return (descriptor, port)
  }

  static func connect(_ port: Int) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    return withAddress(port) { Glibc.connect(descriptor, $0, $1) == 0 } ? descriptor : -1
  }

  private static func withAddress<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
