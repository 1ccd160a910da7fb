package import Readings

/// What the broker's uptime tells of its start, while this process runs: the first word of it, and whatever says that it was started anew.
package struct BrokerUptime {
  /// After so long without reading, what comes may have waited to be read.
  private static let stall: Milliseconds = 5_000

  private var seconds: Int64 = 0
  private var start: BrokerStart?
  private var readAt: Milliseconds?
  private var lateUntil: Milliseconds = .min

  package init() {}

  /// The writer is about to read; it does so every second at least, where nothing holds it up.
  package mutating func reads(now: Milliseconds) {
    if let readAt, now - readAt > Self.stall { lateUntil = now + BrokerStart.tolerance }
    readAt = now
  }

  /// - Returns: what is news of the broker's start; nil where nothing is.
  package mutating func hears(seconds new: Int64, now: Milliseconds, boot: String, endedCleanly: Bool) -> BrokerStart? {
    defer { seconds = new }
    // An uptime only grows: a shorter one is another life of the broker, whatever any clock says.
    let found = BrokerStart(at: now - new * 1000, boot: boot, isProven: start != nil && new < seconds, isClean: endedCleanly)
    if !found.isProven {
      if now < lateUntil { return nil }
      if let start, !found.isAnew(since: start) { return nil }
    }
    start = found
    return found
  }
}
