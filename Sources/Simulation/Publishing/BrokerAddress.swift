/// Where a broker listens: `mqtt://host:port`.
package struct BrokerAddress: Hashable, Sendable, CustomStringConvertible {
  package var host: String
  package var port: Int

  package init(host: String, port: Int) { (self.host, self.port) = (host, port) }

  /// Nil where the text is no such address. Without a port, 1883.
  package init?(url text: String) {
    guard text.hasPrefix("mqtt://") else { return nil }
    var rest = text.dropFirst("mqtt://".count)
    if rest.last == "/" { rest.removeLast() }
    guard !rest.contains(where: { "/@?# ".contains($0) }) else { return nil }
    let port: Int?
    if let bracket = rest.lastIndex(of: "]"), rest.first == "[" {
      host = String(rest[rest.index(after: rest.startIndex)..<bracket])
      let tail = rest[rest.index(after: bracket)...]
      port = tail.isEmpty ? 1883 : tail.first == ":" ? Int(tail.dropFirst()) : nil
    } else if let colon = rest.firstIndex(of: ":") {
      host = String(rest[..<colon])
      port = Int(rest[rest.index(after: colon)...])
    } else {
      host = String(rest)
      port = 1883
    }
    guard let port, (1...65_535).contains(port), !host.isEmpty else { return nil }
    self.port = port
  }

  package var description: String { host.contains(":") ? "mqtt://[\(host)]:\(port)" : "mqtt://\(host):\(port)" }
}
