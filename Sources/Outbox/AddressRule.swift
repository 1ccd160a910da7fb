import Foundation
import Glibc

/// Which addresses a sink may not have unless it says `allow_private`: an alert's receiver is out in the network, and a URL that
/// leads to the gateway's own machine or to a cloud's metadata service is a mistake or an attack.
package enum AddressRule {
  /// An IPv4 or IPv6 address by its 4 or 16 bytes. Returns what it is, where it is refused.
  package static func refusal(_ bytes: [UInt8]) -> String? {
    bytes.count == 4 ? refusal(v4: bytes) : refusal(v6: bytes)
  }

  private static func refusal(v4 a: [UInt8]) -> String? {
    switch (a[0], a[1]) {
    case (0, _): "unspecified"
    case (127, _): "loopback"
    case (10, _), (192, 168), (172, 16...31), (100, 64...127): "private"
    case (169, 254): "link-local"
    case (192, 0) where a[2] == 0: "reserved"
    case (198, 18...19), (240...255, _): "reserved"
    case (224...239, _): "multicast"
    default: nil
    }
  }

  private static func refusal(v6 a: [UInt8]) -> String? {
    if let embedded = v4(within: a) { return refusal(v4: embedded) }
    if a[0..<15].allSatisfy({ $0 == 0 }) { return a[15] == 1 ? "loopback" : a[15] == 0 ? "unspecified" : "reserved" }
    // ::a.b.c.d, which nobody routes any more: what it holds says why it is refused, and it is refused whatever it holds.
    if a[0..<12].allSatisfy({ $0 == 0 }) { return refusal(v4: Array(a[12...])) ?? "reserved" }
    // 64:ff9b:1::/48: where a network's own translator finds the IPv4 address in it is that network's affair.
    if a[0..<6].elementsEqual([0, 0x64, 0xff, 0x9b, 0, 1]) { return "private" }
    // Teredo, 2001::/32: a tunnel through a host that the address names.
    if a[0..<4].elementsEqual([0x20, 0x01, 0, 0]) { return "reserved" }
    if a[0] == 0xfe, a[1] & 0xc0 == 0x80 { return "link-local" }
    if a[0] & 0xfe == 0xfc || (a[0] == 0xfe && a[1] & 0xc0 == 0xc0) { return "private" }
    if a[0] == 0xff { return "multicast" }
    return nil
  }

  /// The IPv4 address that packets to an IPv6 one end up at.
  private static func v4(within a: [UInt8]) -> [UInt8]? {
    let zeros = [UInt8](repeating: 0, count: 8)
    if a[0..<12].elementsEqual(zeros + [0, 0, 0xff, 0xff]) { return Array(a[12...]) }  // ::ffff:a.b.c.d
    if a[0..<12].elementsEqual(zeros + [0xff, 0xff, 0, 0]) { return Array(a[12...]) }  // ::ffff:0:a.b.c.d
    if a[0..<12].elementsEqual([0, 0x64, 0xff, 0x9b] + zeros) { return Array(a[12...]) }  // 64:ff9b::a.b.c.d
    return a[0] == 0x20 && a[1] == 0x02 ? Array(a[2..<6]) : nil  // 6to4
  }

  /// The bytes of an address written out, nil where it is a name.
  package static func bytes(ofLiteral text: String) -> [UInt8]? {
    let bare = text.split(separator: "%").first.map(String.init) ?? text
    var v4 = in_addr()
    if inet_pton(AF_INET, bare, &v4) == 1 { return withUnsafeBytes(of: v4) { Array($0) } }
    var v6 = in6_addr()
    if inet_pton(AF_INET6, bare, &v6) == 1 { return withUnsafeBytes(of: v6) { Array($0) } }
    return nil
  }

  /// Looks a host up on a thread of its own, since that blocks. Nil where the name has no address. A cancelled task does not wait.
  static func resolve(_ host: String) async -> [[UInt8]]? {
    let (stream, continuation) = AsyncStream.makeStream(of: [[UInt8]]?.self, bufferingPolicy: .bufferingNewest(1))
    Thread.detachNewThread {
      continuation.yield(lookUp(host))
      continuation.finish()
    }
    for await addresses in stream { return addresses }
    return nil
  }

  private static func lookUp(_ host: String) -> [[UInt8]]? {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return nil }
    defer { freeaddrinfo(list) }
    var found: [[UInt8]] = []
    var entry = list
    while let info = entry?.pointee {
      if info.ai_family == AF_INET {
        info.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
          found.append(withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) })
        }
      } else if info.ai_family == AF_INET6 {
        info.ai_addr.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
          found.append(withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) })
        }
      }
      entry = info.ai_next
    }
    return found
  }
}
