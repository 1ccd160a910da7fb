import Alerting
import Readings

/// The lives of all bindings. Most are inactive at any time, and each evaluation asks: so their phases stand side by side as well, a byte
/// each, and a life is looked at where something comes of it.
struct AlertLives {
  private enum Phase: UInt8 { case inactive, pending, raised }

  private var lives: [AlertLife]
  private var phases: [Phase]

  init(count: Int) {
    lives = Array(repeating: AlertLife(), count: count)
    phases = Array(repeating: .inactive, count: count)
  }

  func isInactive(_ binding: Int) -> Bool { phases[binding] == .inactive }
  func isRaised(_ binding: Int) -> Bool { phases[binding] == .raised }
  func isPending(_ binding: Int) -> Bool { phases[binding] == .pending }

  subscript(binding: Int) -> AlertLife {
    get { lives[binding] }
    set {
      lives[binding] = newValue
      note(binding)
    }
  }

  /// See `AlertLife.handle`.
  mutating func handle(_ event: AlertLife.Event, _ binding: Int, _ timing: AlertLife.Timing) -> AlertLife.Action {
    defer { note(binding) }
    return lives[binding].handle(event, timing)
  }

  /// See `AlertLife.end`.
  mutating func end(_ binding: Int, clock: Timestamp) -> Timestamp {
    defer { note(binding) }
    return lives[binding].end(clock: clock)
  }

  private mutating func note(_ binding: Int) {
    switch lives[binding].phase {
    case .inactive: phases[binding] = .inactive
    case .pending: phases[binding] = .pending
    case .raised: phases[binding] = .raised
    }
  }
}
