import Alerting
import Readings
import RuleEngine

/// What an evaluation said, at T; the clock says the same here.
struct Said {
  var t: Int64
  var when: Truth
  var clear: Truth
}

/// Hold and clear_hold once more, told as the contract tells them, over the whole history at every step. It remembers nothing.
struct AlertLifeModel {
  var hold: Int64
  var clearHold: Int64
  var patience: Int64
  var clearPatience: Int64

  /// The phase after all that was said, with the ticks of each whole minute up to `clock` behind it.
  func phase(_ history: [Said], clock: Int64) -> AlertLife.Phase {
    var rest = history[...]
    while true {
      guard let (breach, raise) = raise(in: rest) else { return pending(rest, clock: clock) }
      rest = rest[(raise + 1)...]
      guard let clear = clear(in: rest) else {
        return .raised(breachedAt: at(breach), raisedAt: at(history[raise].t), clearing: clearing(rest))
      }
      rest = rest[(clear + 1)...]
    }
  }

  /// The first evaluation at which the condition had been true throughout for `hold`, and when that began.
  private func raise(in history: ArraySlice<Said>) -> (breachedAt: Int64, index: Int)? {
    for i in history.indices where history[i].when == .true {
      if let breach = breach(history[...i]), history[i].t - breach >= hold { return (breach, i) }
    }
    return nil
  }

  /// Since when the condition has been true throughout, as of the last of the history: unknown neither starts nor ends it, and too long
  /// without hearing it true does.
  private func breach(_ history: ArraySlice<Said>) -> Int64? {
    var first: Int64?
    for said in history.reversed() {
      if said.when == .false { break }
      guard said.when == .true else { continue }
      if let first, first - said.t > patience { break }
      first = said.t
    }
    return first
  }

  private func pending(_ history: ArraySlice<Said>, clock: Int64) -> AlertLife.Phase {
    guard let breach = breach(history), let last = history.last(where: { $0.when == .true }) else { return .inactive }
    let lastTick = clock - (clock % 60_000 + 60_000) % 60_000
    if lastTick - last.t > patience { return .inactive }
    return .pending(breachedAt: at(breach), trueAt: at(last.t), heardAt: at(last.t))
  }

  private func clear(in history: ArraySlice<Said>) -> Int? {
    history.indices.first { i in
      history[i].clear == .true && history[i].when != .true
        && (clearing(history[...i]).map { at(history[i].t) - $0.since >= clearHold } ?? false)
    }
  }

  /// Since when the condition to clear has been true throughout, where `when` wins over it, and when it was last.
  private func clearing(_ history: ArraySlice<Said>) -> AlertLife.Clearing? {
    var (first, last): (Int64?, Int64?)
    for said in history.reversed() {
      if said.when == .true || said.clear == .false { break }
      guard said.clear == .true else { continue }
      if let first, first - said.t > clearPatience { break }
      (first, last) = (said.t, last ?? said.t)
    }
    guard let first, let last else { return nil }
    return AlertLife.Clearing(since: at(first), trueAt: at(last))
  }

  private func at(_ t: Int64) -> Timestamp { Timestamp(milliseconds: t) }
}
