package import Readings

/// What the broker's uptime tells of its start, while this process runs.
///
/// It is asked once a connection: a broker that starts anew takes its connections with it. What it says may be ten seconds old, and late.
package struct BrokerUptime {
  private var isHeard = false
  /// When the broker was heard last on the last connection that told its uptime, in monotonic milliseconds.
  private var aliveAt: Milliseconds?
  /// That connection was the last one, and ended with the broker's word of its own end.
  private var hasTakenLeave = false

  package init() {}

  /// - Parameters:
  ///   - lastHeardAt: when the last byte came on it.
  ///   - cleanly: the broker said that it ends.
  package mutating func connectionEnded(lastHeardAt: Milliseconds, cleanly: Bool) {
    if isHeard { aliveAt = lastHeardAt }
    // Of a connection that told no uptime nobody knows whether the broker was still the same.
    hasTakenLeave = isHeard && cleanly
    isHeard = false
  }

  /// - Returns: nil where this connection has told before.
  package mutating func hears(seconds: Int64, now: Milliseconds, boot: String) -> BrokerStart? {
    if isHeard { return nil }
    isHeard = true
    // One that runs for longer than it was out of sight is the same.
    let evidence = aliveAt.map { seconds * 1000 <= now - $0 ? BrokerStart.Evidence.anew : .same } ?? .none
    return BrokerStart(at: now - seconds * 1000, boot: boot, evidence: evidence, isClean: hasTakenLeave)
  }
}
