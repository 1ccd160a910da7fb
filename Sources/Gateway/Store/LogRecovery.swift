import Readings
import SeriesStore

/// Brings an engine back from the log: what it says besides readings, and the readings that are not sealed.
struct LogRecovery: LogVisitor {
  let engine: Engine
  /// Begins with what the rows said that were cut.
  var fold = LogFold()
  /// The rows that were taken out and that nobody was told of: the clocks before and after each.
  private(set) var gaps: [(row: Int64, from: Timestamp, to: Timestamp)] = []
  private let untold: Set<Int64>
  private var open: [Int64] = []
  private var row: Int64 = 0

  /// - Parameter untold: the numbers of the rows in quarantine of which nobody was told.
  init(engine: Engine, untold: Set<Int64>) { (self.engine, self.untold) = (engine, untold) }

  mutating func begins(row: Int64) { self.row = row }

  mutating func takenOut(row: Int64) { if untold.contains(row) { open.append(row) } }

  private mutating func endGaps(at: Timestamp) {
    for row in open { gaps.append((row, fold.clock ?? at, at)) }
    open.removeAll()
  }

  mutating func input(_ kind: InputKind, at: Timestamp) {
    if !open.isEmpty { endGaps(at: at) }
    fold.input(kind, at: at)
  }

  mutating func command(_ json: [UInt8], at: Timestamp) { fold.command(json, at: at) }

  mutating func reading(_ reading: Reading) {
    engine.settings.beforeRecovered?(reading)
    engine.recovered(reading, row: row)
  }

  mutating func unnamedMessage(packet: UInt16, hash: UInt64) { fold.unnamedMessage(packet: packet, hash: hash) }

  /// All rows are read.
  mutating func finish() {
    if let clock = fold.clock { endGaps(at: clock) }
  }
}
