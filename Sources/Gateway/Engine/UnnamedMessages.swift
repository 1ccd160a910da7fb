/// The last messages without a ts that were committed: what they are known by if the broker sends them again.
///
/// The broker redelivers only what it had no PUBACK for when a connection ended: at most a receive-maximum of messages, and only on a
/// later connection. So an entry matches packet id and content, once a connection, and only from an earlier one.
struct UnnamedMessages: Equatable, Codable {
  private struct Entry: Equatable, Codable {
    var packet: UInt16
    var hash: UInt64
    var connection: Int
  }

  /// Above the receive-maximum.
  static let capacity = 1024
  private var entries: [Entry] = []
  private var next = 0
  private(set) var connection = 0
  private var heard = 0

  mutating func connectionBegan() {
    connection += 1
    heard = 0
  }

  /// The broker forgot what it had to send again.
  mutating func forgetAll() { (entries, next) = ([], 0) }

  /// A message came. False where so many have on this connection that none of those sent again is left.
  mutating func mayBeRedelivery() -> Bool {
    guard heard < Self.capacity else { return false }
    heard += 1
    return !entries.isEmpty
  }

  mutating func remember(packet: UInt16, hash: UInt64) {
    let entry = Entry(packet: packet, hash: hash, connection: connection)
    if entries.count < Self.capacity { entries.append(entry) } else { entries[next] = entry }
    next = (next + 1) % Self.capacity
  }

  /// Whether this is a message that was committed on an earlier connection. It may come again on the next.
  mutating func takeRedelivery(packet: UInt16, hash: UInt64) -> Bool {
    guard let found = entries.firstIndex(where: { $0.connection < connection && $0.packet == packet && $0.hash == hash }) else {
      return false
    }
    entries[found].connection = connection
    return true
  }
}
