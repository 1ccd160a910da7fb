package import Readings

/// When the intake was down: `age` counts only the time in which readings could have come.
package struct IntakeHistory: Hashable, Codable, Sendable {
  package struct Outage: Hashable, Codable, Sendable {
    package var from: Timestamp
    /// nil: it lasts.
    package var to: Timestamp?
    package init(from: Timestamp, to: Timestamp?) { (self.from, self.to) = (from, to) }
  }

  /// Outages kept, at most. Beyond, the two oldest become one that covers both: who has been silent since before them looks a little
  /// younger than he is, never older.
  package static let maximumOutages = 1000

  /// In order of time, not overlapping; only the last can last.
  package private(set) var outages: [Outage] = []

  /// Connected from the start.
  package init() {}

  /// The connection is lost (or not caught up). Nothing where it was down already.
  package mutating func down(at t: Timestamp) {
    if let last = outages.last {
      guard let end = last.to else { return }
      if t <= end {
        outages[outages.count - 1].to = nil
        return
      }
    }
    outages.append(Outage(from: t, to: nil))
    if outages.count > Self.maximumOutages {
      outages[1].from = outages[0].from
      outages.removeFirst()
    }
  }

  /// Connected and caught up again.
  package mutating func up(at t: Timestamp) {
    guard let last = outages.last, last.to == nil else { return }
    if t <= last.from { outages.removeLast() } else { outages[outages.count - 1].to = t }
  }

  package var isDown: Bool { outages.last.map { $0.to == nil } ?? false }

  /// The part of (from, to] in which the intake was connected; 0 where `to` is not after `from`.
  package func connected(from: Timestamp, to: Timestamp) -> Milliseconds {
    guard from < to else { return 0 }
    var length = to - from
    for outage in outages.reversed() {
      let end = min(outage.to ?? to, to)
      if end <= from { break }
      if outage.from < end { length -= end - max(outage.from, from) }
    }
    return length
  }
}
