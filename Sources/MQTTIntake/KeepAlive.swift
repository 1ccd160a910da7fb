import Readings

/// When to ping, and when the broker has been silent for too long: a value without a clock. Times are monotonic milliseconds.
struct KeepAlive {
  /// What the broker owes us.
  enum Answer { case connectAck, subscribeAck, pingResponse }

  enum Advice: Equatable {
    case none
    case ping
    /// The answer has been due for too long; in words.
    case silent(String)
  }

  /// Zero where neither side wants one.
  private var period: Milliseconds
  private var lastSent: Milliseconds
  private(set) var lastReceived: Milliseconds
  private var owed: Answer?
  /// When what the broker owes was sent; nil before that.
  private var owedSince: Milliseconds?

  init(seconds: Int32, now: Milliseconds) {
    period = Milliseconds(max(0, seconds)) * 1000
    (lastSent, lastReceived) = (now, now)
  }

  mutating func owe(_ answer: Answer) { (owed, owedSince) = (answer, nil) }

  mutating func answered(_ answer: Answer) { if owed == answer { owed = nil } }

  /// The broker's own period; ours stays where it is shorter, so that a dead link is noticed no later.
  mutating func limit(seconds: UInt16) {
    let other = Milliseconds(seconds) * 1000
    if other > 0 { period = period == 0 ? other : min(period, other) }
  }

  /// Any byte shows that the broker is there.
  mutating func received(_ now: Milliseconds) {
    lastReceived = now
    answered(.pingResponse)
  }

  mutating func sent(_ now: Milliseconds) { lastSent = now }

  /// What was queued is under way, or waits for a broker that does not read.
  mutating func tried(_ now: Milliseconds) { if owedSince == nil { owedSince = now } }

  /// When there will be advice; nil where none is to be expected.
  var dueAt: Milliseconds? {
    guard period > 0 else { return nil }
    if owed != nil { return owedSince.map { $0 + period } }
    return min(lastSent, lastReceived) + period
  }

  mutating func advice(_ now: Milliseconds) -> Advice {
    guard period > 0 else { return .none }
    if let owed {
      guard let owedSince, now - owedSince >= period else { return .none }
      switch owed {
      case .connectAck: return .silent("the broker has not answered CONNECT for \(period / 1000) s")
      case .subscribeAck: return .silent("the broker has not answered SUBSCRIBE for \(period / 1000) s")
      case .pingResponse: return .silent("the broker has been silent for \((now - lastReceived) / 1000) s")
      }
    }
    guard now - min(lastSent, lastReceived) >= period else { return .none }
    (owed, owedSince) = (.pingResponse, now)
    return .ping
  }
}
