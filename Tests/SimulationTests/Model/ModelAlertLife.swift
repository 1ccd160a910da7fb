/// One rule on one device, as what was said of it: nothing is remembered but what hold and clear_hold are counted over.
struct ModelAlertLife {
  enum Turn: Equatable {
    case none
    case raised(breachedAt: Int64)
    case cleared
  }

  /// The evaluations since which `when` has been true throughout, at T, when the clock said so; while nothing is raised.
  private var trues: [(t: Int64, clock: Int64)] = []
  /// The latest T at which `when` was false.
  private var lastFalse = Int64.min
  /// The T since which `clear` has been true throughout; while it is raised.
  private var clears: [Int64] = []
  /// The latest T at which what is raised was not to be cleared.
  private var lastKept = Int64.min
  private(set) var raised: (breachedAt: Int64, at: Int64)?
  private var endedAt: Int64?
  /// The deviation of that name.
  private let holdsSpanFalse: Bool

  init(holdsSpanTimesThatWereFalse: Bool) { holdsSpanFalse = holdsSpanTimesThatWereFalse }

  /// Since when the condition holds that has not held for long enough; nil where none does.
  var pendingSince: Int64? { raised == nil ? trues.first?.t : nil }

  mutating func evaluated(when: Bool?, clear: Bool?, t: Int64, clock: Int64, rule: ModelRule) -> Turn {
    if let raised { return whileRaised(since: raised.at, when, clear, t, rule) }
    // The contract leaves open what becomes of a T behind one that was evaluated already (one metric lags behind another, or behind a
    // tick), but that late data never rewinds. As the engine: it is passed over where it lies behind the last true or within the last alert.
    if let endedAt, t <= endedAt { return .none }
    if let last = trues.last, t < last.t { return .none }
    guard let when else { return .none }  // unknown neither starts, continues nor ends anything
    guard when else {
      trues = []
      lastFalse = max(lastFalse, t)
      return .none
    }
    if let last = trues.last, t - last.t > rule.patience { trues = [] }
    if !holdsSpanFalse, lastFalse <= t { trues.removeAll { $0.t <= lastFalse } }
    trues.append((t, clock))
    let breachedAt = trues[0].t
    if t - breachedAt < rule.hold { return .none }
    (raised, trues, lastKept) = ((breachedAt, t), [], t)
    return .raised(breachedAt: breachedAt)
  }

  private mutating func whileRaised(since raisedAt: Int64, _ when: Bool?, _ clear: Bool?, _ t: Int64, _ rule: ModelRule) -> Turn {
    if t < clears.last ?? raisedAt { return .none }  // as above
    if when == false { lastFalse = max(lastFalse, t) }
    if when == true || clear == false {  // if both are true, `when` wins
      clears = []
      lastKept = max(lastKept, t)
      return .none
    }
    guard clear == true else { return .none }
    if let last = clears.last, t - last > rule.clearPatience { clears = [] }  // not heard for too long, it was not true throughout
    if !holdsSpanFalse, lastKept <= t { clears.removeAll { $0 <= lastKept } }
    clears.append(t)
    if t - clears[0] < rule.clearHold { return .none }
    (raised, clears, endedAt) = (nil, [], t)
    return .cleared
  }

  /// Whether T lies behind what is known of what is raised.
  func isBehind(_ t: Int64) -> Bool { raised.map { t < clears.last ?? $0.at } ?? true }

  /// Its alert was closed by hand. What was said up to then is over.
  mutating func close(clock: Int64) -> Int64 {
    let end = max(clock, raised.map { clears.last ?? $0.at } ?? trues.last?.t ?? endedAt ?? clock)
    (raised, clears, trues, endedAt) = (nil, [], [], end)
    return end
  }

  /// A pending that has heard nothing true for too long is dropped.
  mutating func tick(clock: Int64, rule: ModelRule) {
    if let last = trues.last, clock - last.clock > rule.patience { trues = [] }
  }
}
