import Readings
import SeriesStore

/// Brings an engine back from the log: the same readings, the same clock, the same outages.
struct LogRecovery: LogVisitor {
  let engine: Engine
  private(set) var clock: Timestamp?
  /// Where the row was that has just been taken out: the clocks before and after it.
  private(set) var gap: (from: Timestamp, to: Timestamp)?
  private let newlyTakenOut: Int64
  private var isInGap = false

  /// - Parameter newlyTakenOut: the number of the row that this start has put into quarantine; 0 where none.
  init(engine: Engine, newlyTakenOut: Int64) { (self.engine, self.newlyTakenOut) = (engine, newlyTakenOut) }

  mutating func takenOut(row: Int64) { if row == newlyTakenOut { isInGap = true } }

  mutating func input(_ kind: InputKind, at: Timestamp) {
    if isInGap { (gap, isInGap) = ((clock ?? at, at), false) }
    // Ticks that ran between the inputs told of what the broker had dropped; the events stand in the outbox.
    if let clock, at > clock, at >= clock.nextMinute { _ = engine.continuity.tick() }
    clock = at
    switch kind {
    case .intakeDown: engine.setIntake(up: false, at: at)
    case .intakeUp: engine.setIntake(up: true, at: at)
    case .message: engine.continuity.heard(at: at)
    case .clock, .command: break
    }
  }

  mutating func command(_ json: [UInt8], at: Timestamp) {
    if let command = EngineCommand(json: json) { engine.apply(command, at: at) }
  }

  mutating func reading(_ reading: Reading) {
    engine.settings.beforeRecovered?(reading)
    _ = engine.heads.insert(reading)
    engine.noteNewest(reading)
  }

  mutating func unnamedMessage(packet: UInt16, hash: UInt64) { engine.unnamed.remember(packet: packet, hash: hash) }

  /// All rows are read.
  mutating func finish() {
    if isInGap, let clock { (gap, isInGap) = ((clock, clock), false) }
  }
}
