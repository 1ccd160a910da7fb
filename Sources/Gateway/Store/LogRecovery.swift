import Readings
import SeriesStore

/// Brings an engine back from the log: the same readings, the same clock, the same outages.
struct LogRecovery: LogVisitor {
  let engine: Engine
  private(set) var clock: Timestamp?
  /// The rows that were taken out and that nobody was told of: the clocks before and after each.
  private(set) var gaps: [(row: Int64, from: Timestamp, to: Timestamp)] = []
  private let untold: Set<Int64>
  private var open: [Int64] = []

  /// - Parameter untold: the numbers of the rows in quarantine of which nobody was told.
  init(engine: Engine, untold: Set<Int64>) { (self.engine, self.untold) = (engine, untold) }

  mutating func takenOut(row: Int64) { if untold.contains(row) { open.append(row) } }

  private mutating func endGaps(at: Timestamp) {
    for row in open { gaps.append((row, clock ?? at, at)) }
    open.removeAll()
  }

  mutating func input(_ kind: InputKind, at: Timestamp) {
    if !open.isEmpty { endGaps(at: at) }
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
    if let clock { endGaps(at: clock) }
  }
}
