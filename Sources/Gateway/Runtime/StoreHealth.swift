package import Database

/// Whether the store's write-ahead log stays within its bound.
///
/// SQLite begins its log anew only when no reader needs what is in it: one that never ends would let it grow until the disk is full. So
/// beyond the bound intake pauses (the broker keeps what comes) until that reader is gone. Reads go on.
package struct StoreHealth: Sendable {
  package enum Change: Equatable, Sendable {
    case none
    /// A reader holds the log beyond its bound: intake is to pause.
    case held
    /// The log is empty again: intake may go on.
    case freed
  }

  private let logBytesMax: Int64
  /// Set while a reader holds the log beyond its bound: who that is, as far as it can be found.
  package private(set) var stuckReader: String?

  package init(logBytesMax: Int64) { self.logBytesMax = logBytesMax }

  package var isHeld: Bool { stuckReader != nil }

  /// To be asked after each commit, and now and then while the log is held.
  ///
  /// - Parameters:
  ///   - logBytes: the log's size.
  ///   - empty: tries to empty it; false where a reader is in the way.
  ///   - holders: who reads, the oldest first.
  package mutating func check(logBytes: Int64, empty: () -> Bool, holders: () -> [LogHolder]) -> Change {
    let wasHeld = isHeld
    stuckReader = logBytes <= logBytesMax || empty() ? nil : holders().first?.description ?? "a process that could not be found"
    if isHeld == wasHeld { return .none }
    return isHeld ? .held : .freed
  }

  /// For `/readyz`, in words; nil where all is well.
  package var problem: String? {
    stuckReader.map {
      "store_reader_stuck: \($0) reads the store without end, so that its write-ahead log has reached \(logBytesMax >> 20) MB; "
        + "intake is paused until it ends, the broker keeps what comes"
    }
  }
}
