package import Readings

/// Since when the broker runs, as its uptime tells.
package struct BrokerStart: Equatable, Codable, Sendable {
  /// The broker says how long it runs about every ten seconds, in whole seconds, and it may be a while until that is read.
  static let tolerance: Milliseconds = 15_000

  /// Milliseconds of this machine's monotonic clock; no wall clock has a part in it. Negative where the broker is older than the machine's start.
  package var at: Milliseconds
  /// Which monotonic clock that is.
  package var boot: String
  /// What this process knows of it from the connection before.
  package var evidence: Evidence
  /// It had told us of its end.
  package var isClean: Bool

  package enum Evidence: String, Codable, Sendable {
    /// Nothing: it is the first word.
    case none
    /// It has run for longer than it was out of sight.
    case same
    /// It was started while it was out of sight.
    case anew
  }

  package init(at: Milliseconds, boot: String, evidence: Evidence, isClean: Bool) {
    (self.at, self.boot, self.evidence, self.isClean) = (at, boot, evidence, isClean)
  }

  /// Whether it was started anew since it said `before`. After a start of this machine only a broker that is younger than that is known to be.
  package func isAnew(since before: BrokerStart) -> Bool {
    switch evidence {
    case .same: false
    case .anew: true
    case .none: boot == before.boot ? at - before.at > Self.tolerance : at > 0
    }
  }
}

/// What can be proved of the broker's keeping what was sent to us, from the commands that tell of it. What cannot is a gap.
struct BrokerContinuity: Equatable, Codable, Sendable {
  struct Gap: Equatable, Sendable {
    var cause: String
    /// nil: since the broker was last heard on an earlier connection.
    var from: Timestamp?
    var count: Int64?
    var detail: String
  }

  /// The broker has had a session of ours.
  private(set) var isKnown = false
  private var isAsked = false
  /// It was asked, and the answer was lost: it may have told us of a new session then.
  private var isUnanswered = false
  /// The session is new, and whether we had subscribed before its connection broke is not known.
  private var isBare = false
  private var start: BrokerStart?
  /// It was told on this connection.
  private var isStartTold = false
  /// When the broker was last heard before this connection, on one that told its start: had it been started anew before, we would know.
  private var startProvenUntil: Timestamp?
  private var heardAt: Timestamp?
  /// When the broker was last heard before this connection: what it lost, it lost after it.
  private(set) var provenUntil: Timestamp?
  private var dropped: Dropped?

  /// What the broker says that it has dropped.
  private struct Dropped: Equatable, Codable, Sendable {
    var told: Int64
    var latest: Int64
    /// Dropped before it began to count anew, and not told yet.
    var carried: Int64 = 0
    /// When `latest` was said.
    var saidAt: Timestamp
    /// When `told` was said last: what is untold was dropped after it.
    var since: Timestamp

    var untold: Int64 { carried + latest - told }

    /// The broker counts from 0 again.
    mutating func countAnew() { (carried, told, latest) = (untold, 0, 0) }
  }

  mutating func heard(at t: Timestamp) { (heardAt, isKnown) = (t, true) }

  mutating func asked() {
    if isAsked { isUnanswered = true }
    isAsked = true
  }

  mutating func refused() { isAsked = false }

  /// - Parameter t: the instant of its answer.
  mutating func kept(at t: Timestamp) -> Gap? {
    defer { answered(at: t) }
    guard isKnown else { return nil }
    if isBare { return Gap(cause: "session_unproved", detail: "the session was new, and may not have been subscribed yet") }
    guard isUnanswered else { return nil }
    return Gap(cause: "session_unproved", detail: "an answer of the broker was lost, which may have said that it did not keep the session")
  }

  mutating func new(at t: Timestamp) -> Gap? {
    defer {
      answered(at: t)
      isBare = true
    }
    return isKnown ? Gap(cause: "session_lost", detail: "the broker did not keep the session") : nil
  }

  /// There is a session from here on.
  private mutating func answered(at t: Timestamp) {
    provenUntil = heardAt
    if isStartTold { startProvenUntil = heardAt }
    isStartTold = false
    (isKnown, isAsked, isUnanswered, heardAt) = (true, false, false, t)
  }

  /// The intake was up: there is a session.
  mutating func wasUp() { (isKnown, isBare) = (true, false) }

  /// - Returns: a gap where it was started anew without having said good-bye: what it had not saved is gone.
  mutating func started(_ new: BrokerStart) -> Gap? {
    defer { (start, isStartTold) = (new, true) }
    guard let start, new.isAnew(since: start) else { return nil }
    dropped?.countAnew()
    return new.isClean
      ? nil
      : Gap(
        cause: "broker_restarted", from: startProvenUntil, detail: "the broker was started anew after an end that it did not announce")
  }

  mutating func dropped(_ count: Int64, at: Timestamp) {
    guard var known = dropped else {
      dropped = Dropped(told: count, latest: count, saidAt: at, since: at)
      return
    }
    if count < known.latest { known.countAnew() }  // fewer than before
    if known.untold == 0 { known.since = known.saidAt }
    (known.latest, known.saidAt) = (count, at)
    if known.untold == 0 { known.since = at }
    dropped = known
  }

  /// Something was dropped of which nobody was told yet.
  var isDroppedUntold: Bool { dropped.map { $0.untold > 0 } ?? false }

  /// A tick tells what was dropped before it: at most one gap a minute.
  mutating func tick() -> Gap? {
    guard let known = dropped, known.untold > 0 else { return nil }
    dropped = Dropped(told: known.latest, latest: known.latest, saidAt: known.saidAt, since: known.saidAt)
    return Gap(
      cause: "broker_dropped", from: known.since, count: known.untold,
      detail: "the broker dropped messages; some may have been for us")
  }
}
