import Readings

/// Whether a sink takes events, as a value: failures of a few alerts are those of their events, failures of many without a success
/// between are the sink's.
///
/// A sink that is down gets one request, the probe, when its delay is over: the delay grows with each probe that fails, and any success
/// ends it. An IOC that asks for a pause (429, or `Retry-After` with 503) is down for as long as it asks.
struct SinkHealth: Sendable {
  /// So many alerts have to fail in a row for the sink to be down: a poisoned event or two hold up their own alerts only.
  static let suspicion = 3
  /// The longest delay between probes, before jitter: an IOC that is back is found within a minute.
  static let probeDelayMax: Milliseconds = 60_000

  /// When the next probe may go; nil while the sink is up.
  private(set) var downUntil: Milliseconds?
  /// Probes that failed in a row, and the failure that began it.
  private(set) var failures = 0
  private let retry: RetryPolicy
  private var probe: Int64?
  /// No success ends the pause that the IOC asked for.
  private var isPauseAsked = false
  private var failing: Set<String> = []

  init(retry: RetryPolicy) { self.retry = retry }

  var isUp: Bool { downUntil == nil }

  func maySend(at uptime: Milliseconds) -> Bool { downUntil.map { probe == nil && $0 <= uptime } ?? true }

  mutating func sent(_ sequence: Int64) { if !isUp { probe = sequence } }

  /// The IOC dealt with an event.
  mutating func succeeded(_ sequence: Int64, at uptime: Milliseconds) {
    failing.removeAll()
    if probe == sequence { probe = nil }
    if asked(at: uptime) == nil { (downUntil, failures, isPauseAsked, probe) = (nil, 0, false, nil) }
  }

  /// An attempt failed. `pause` is what the IOC asked of the whole sink, at least 0; nil where it asked nothing.
  mutating func failed(_ sequence: Int64, lane: String, pause: Milliseconds?, at uptime: Milliseconds, jitter: Double) {
    failing.insert(lane)
    let wasProbe = probe == sequence
    if wasProbe { probe = nil }
    let asked = max(asked(at: uptime) ?? 0, pause.map { uptime + $0 } ?? 0)
    isPauseAsked = asked > uptime
    if isUp || wasProbe {
      guard wasProbe || pause != nil || failing.count >= SinkHealth.suspicion else { return }
      failures += 1
      downUntil = max(asked, uptime + retry.delay(afterFailures: failures, jitter: jitter, atMost: SinkHealth.probeDelayMax))
    } else if let until = downUntil {
      downUntil = max(asked, until)
    }
  }

  /// Until when the IOC asked for a pause; nil where that is over.
  func asked(at uptime: Milliseconds) -> Milliseconds? { isPauseAsked ? downUntil.flatMap { $0 > uptime ? $0 : nil } : nil }
}
