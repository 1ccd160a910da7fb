import Readings
import RuleEngine
import SeriesStore

/// What the inputs of the log say besides readings: a function of them in order. Rows that are cut from the log leave it behind.
struct LogState: Equatable, Codable {
  var isWallStepped = false
  /// A trace begins with its intake up; the live gateway says when it is not.
  private(set) var isIntakeUp = true
  private(set) var outages = IntakeHistory()
  var continuity = BrokerContinuity()
  var unnamed = UnnamedMessages()

  mutating func setIntake(up: Bool, at t: Timestamp) {
    if up { continuity.wasUp() }
    guard up != isIntakeUp else { return }
    isIntakeUp = up
    if up { outages.up(at: t) } else { outages.down(at: t) }
  }

  /// - Returns: what continuity cannot be proved of any more; nothing new where the command is read from the log.
  @discardableResult
  mutating func apply(_ command: EngineCommand, at t: Timestamp) -> BrokerContinuity.Gap? {
    switch command {
    case .clock(let doubtful): isWallStepped = doubtful
    case .sessionAsked: continuity.asked()
    case .sessionRefused: continuity.refused()
    case .sessionKept:
      unnamed.connectionBegan()
      return continuity.kept(at: t)
    case .sessionNew:
      unnamed.connectionBegan()
      unnamed.forgetAll()
      return continuity.new(at: t)
    case .brokerStarted(let start): return continuity.started(start)
    case .brokerDropped(let count): continuity.dropped(count, at: t)
    case .rulesReloaded: break
    case .alert: break  // what it changed stands in tables
    }
    return nil
  }
}

/// `LogState` as the rows of a log make it, one after the other.
struct LogFold: Equatable, Codable {
  /// The instant of the latest input; nil before the first.
  private(set) var clock: Timestamp?
  private(set) var state = LogState()

  mutating func input(_ kind: InputKind, at: Timestamp) {
    // Ticks that ran between the inputs told of what the broker had dropped; the events stand in the outbox.
    if let clock, at > clock, at >= clock.nextMinute { _ = state.continuity.tick() }
    clock = at
    switch kind {
    case .intakeDown: state.setIntake(up: false, at: at)
    case .intakeUp: state.setIntake(up: true, at: at)
    case .message: state.continuity.heard(at: at)
    case .clock, .command: break
    }
  }

  mutating func command(_ json: [UInt8], at: Timestamp) {
    if let command = EngineCommand(json: json) { state.apply(command, at: at) }
  }

  mutating func unnamedMessage(packet: UInt16, hash: UInt64) { state.unnamed.remember(packet: packet, hash: hash) }
}

/// Folds rows that leave the log.
struct CutRows: LogVisitor {
  var fold: LogFold

  mutating func input(_ kind: InputKind, at: Timestamp) { fold.input(kind, at: at) }
  mutating func command(_ json: [UInt8], at: Timestamp) { fold.command(json, at: at) }
  mutating func reading(_ reading: Reading) {}
  mutating func unnamedMessage(packet: UInt16, hash: UInt64) { fold.unnamedMessage(packet: packet, hash: hash) }
}
