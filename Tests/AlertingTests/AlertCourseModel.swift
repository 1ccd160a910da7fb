import Alerting
import Readings
import RuleEngine

/// One step of an escalation, told as the contract tells a hold, over the whole history at every step. It remembers nothing.
struct EscalationModel {
  var hold: Int64
  var patience: Int64

  /// The index of the evaluation at which it escalates, the clock saying the same as T, with the ticks of each whole minute between.
  func escalates(_ history: [Said]) -> Int? {
    for i in history.indices where history[i].when == .true {
      var first = history[i].t
      for said in history[..<i].reversed() {
        if said.when == .false { break }
        guard said.when == .true else { continue }
        if first - said.t > patience { break }
        first = said.t
      }
      if history[i].t - first >= hold { return i }
    }
    return nil
  }
}
