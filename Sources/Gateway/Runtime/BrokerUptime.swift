package import Readings

/// What the broker's uptime tells of its start, while this process runs.
///
/// It is asked once a connection: a broker that starts anew takes its connections with it. What it says may be ten seconds old, and late.
package struct BrokerUptime {
  private var isHeard = false
  /// When the broker was heard last on the last connection that told its uptime, in monotonic milliseconds.
  private var aliveAt: Milliseconds?
  /// When the broker said that it ends, on that connection, where that was the last one.
  private var leftAt: Milliseconds?

  package init() {}

  /// - Parameters:
  ///   - lastHeardAt: when the last byte came on it.
  ///   - cleanly: the broker said that it ends.
  package mutating func connectionEnded(lastHeardAt: Milliseconds, cleanly: Bool) {
    if isHeard { aliveAt = lastHeardAt }
    // Of a connection that told no uptime nobody knows whether the broker was still the same.
    leftAt = isHeard && cleanly ? lastHeardAt : nil
    isHeard = false
  }

  /// - Returns: nil where this connection has told before.
  package mutating func hears(seconds: Int64, now: Milliseconds, boot: String) -> BrokerStart? {
    if isHeard { return nil }
    isHeard = true
    // One that runs for longer than it was out of sight is the same. The broker gives the difference of two times in whole seconds.
    let evidence = aliveAt.map { (seconds - 1) * 1000 <= now - $0 ? BrokerStart.Evidence.anew : .same } ?? .none
    let start = now - seconds * 1000
    // One that began to run long after its leave may have ended a second time in between, without a word.
    let isClean = leftAt.map { start - $0 <= BrokerStart.tolerance } ?? false
    return BrokerStart(at: start, boot: boot, evidence: evidence, isClean: isClean)
  }
}
