package import Readings

/// What the broker's uptime tells of its start, while this process runs: the first word of it, and whatever says that it was started anew.
///
/// It is asked once a connection: a broker that starts anew takes its connections with it. What it says may be ten seconds old, and late.
package struct BrokerUptime {
  private var isKnown = false
  private var isHeard = false
  /// When the broker was heard last on the last connection that told its uptime, in monotonic milliseconds.
  private var aliveAt: Milliseconds?

  package init() {}

  /// - Parameter lastHeardAt: when the last byte came on it.
  package mutating func connectionEnded(lastHeardAt: Milliseconds) {
    if isHeard { aliveAt = lastHeardAt }
    isHeard = false
  }

  /// - Returns: what is news of the broker's start; nil where nothing is.
  package mutating func hears(seconds: Int64, now: Milliseconds, boot: String, endedCleanly: Bool) -> BrokerStart? {
    if isHeard { return nil }
    isHeard = true
    // One that runs for longer than it was out of sight is the same. Of a younger one that cannot be said.
    let isAnew = aliveAt.map { seconds * 1000 <= now - $0 } ?? false
    defer { isKnown = true }
    if isKnown, !isAnew { return nil }
    return BrokerStart(at: now - seconds * 1000, boot: boot, isProven: isAnew, isClean: endedCleanly)
  }
}
