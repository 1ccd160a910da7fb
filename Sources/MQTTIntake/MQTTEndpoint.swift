/// Where the broker is and how to log in. Secrets come from files or the environment, never from a URL.
package struct MQTTEndpoint: Sendable, Equatable {
  package var host: String
  package var port: Int
  /// `mqtts://`
  package var tls: Bool
  package var clientID: String
  package var username: String?
  package var password: String?
  package var caFile: String?

  /// Seconds between pings; a dead link is noticed after up to two.
  package var keepAliveSeconds: Int32 = 30
  /// Messages sent to us and not yet acknowledged. Below the broker's max_queued_messages, above which it silently frees.
  package var receiveMaximum: UInt16 = 900
  /// Above the broker's own max_packet_size, or it would acknowledge and silently drop what exceeds ours.
  package var packetSizeMax: UInt32 = 2 << 20

  /// - Parameter url: `mqtt://host:port` or `mqtts://host:port`; the port may be left out (1883, 8883).
  package init?(url: String, clientID: String) {
    let tls = url.hasPrefix("mqtts://")
    guard tls || url.hasPrefix("mqtt://") else { return nil }
    let rest = url.dropFirst(tls ? 8 : 7)
    guard !rest.contains("@"), !rest.contains("/") else { return nil }
    let colon = rest.hasSuffix("]") ? nil : rest.lastIndex(of: ":")
    let portText = colon.map { rest[rest.index(after: $0)...] }
    var hostText = colon.map { rest[..<$0] } ?? rest
    let isBracketed = hostText.hasPrefix("[") && hostText.hasSuffix("]")
    if isBracketed { hostText = hostText.dropFirst().dropLast() }
    guard !hostText.isEmpty, isBracketed || !hostText.contains(":"), let port = portText.map({ Int($0) }) ?? (tls ? 8883 : 1883),
      (1...65_535).contains(port)
    else { return nil }
    (host, self.port, self.tls, self.clientID) = (String(hostText), port, tls, clientID)
  }

  /// Whether the broker is on this machine: only there may it be the sender who tells the time.
  package var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
