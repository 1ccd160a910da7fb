import Database
import Foundation
import GRDB
import Gateway
import Readings
import SeriesStore
import Synchronization

/// Readers that never rest: whole exports, and large ranges of the log, in turn.
final class HeavyReaders: Sendable {
  struct Figures {
    var exported = 0
    var ranges = 0
  }

  private let directory: String
  private let reader: StoreReader
  private let figures = Mutex(Figures())
  private let isOver = Atomic(false)
  private let ended = DispatchGroup()

  init(directory: String, count: Int) throws {
    (self.directory, reader) = (directory, try StoreReader(directory: directory, priority: .background))
    for number in 0..<count {
      ended.enter()
      Thread.detachNewThread {
        BackgroundWork.begin()  // as `thuong export` does
        while !self.isOver.load(ordering: .relaxed) { if number % 2 == 0 { self.export() } else { self.readRanges() } }
        self.ended.leave()
      }
    }
  }

  /// Ends them, and says how much they have read.
  func end() -> Figures {
    isOver.store(true, ordering: .relaxed)
    ended.wait()
    return figures.withLock { $0 }
  }

  private struct Over: Error {}

  private func export() {
    _ = try? ReadingExport(directory: directory).run { lines in
      let count = lines.count { $0 == 0x0a }
      figures.withLock { $0.exported += count }
      if isOver.load(ordering: .relaxed) { throw Over() }
    }
  }

  /// Rows of the log from anywhere in it, decoded.
  private func readRanges() {
    let last = (try? reader.read { db in try SeriesLog.lastNumber(db) }) ?? 0
    let start = Int64.random(in: 0...max(0, last - 256))
    let count = try? reader.read { db in
      var readings = ReadingCount()
      _ = try SeriesLog.read(db, after: start, limit: 256, into: &readings)
      return readings.count
    }
    if count ?? 0 > 0 { figures.withLock { $0.ranges += 1 } }
  }
}

private struct ReadingCount: LogVisitor, Sendable {
  var count = 0
  mutating func reading(_ reading: Reading) { count += 1 }
}
