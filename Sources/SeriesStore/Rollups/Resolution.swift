package import Readings

/// How long the buckets of a rollup are. Each has rings of its own, with a retention of its own.
package enum Resolution: Int64, CaseIterable, Sendable {
  case quarterHour, hour, day

  package var steps: Steps { Steps(length: length) }

  package var length: Milliseconds {
    switch self {
    case .quarterHour: 900_000
    case .hour: 3_600_000
    case .day: 86_400_000
    }
  }

  /// As the configuration names it.
  package var name: String {
    switch self {
    case .quarterHour: "15m"
    case .hour: "1h"
    case .day: "1d"
    }
  }

  /// What one row covers: a whole number of the next coarser buckets. Rows of coarse buckets are written again with every seal of a finer
  /// one, and are short therefore.
  package var rows: Steps {
    switch self {
    case .quarterHour: Steps(length: Resolution.day.length)
    case .hour: Steps(length: 2 * Resolution.day.length)
    case .day: Steps(length: 32 * Resolution.day.length)
    }
  }

  /// The beginning of the row that has the bucket of `ts`.
  package func rowStart(of ts: Int64) -> Int64 { rows.start(of: ts) }

  package var finer: Resolution? { Resolution(rawValue: rawValue - 1) }
  var coarser: Resolution? { Resolution(rawValue: rawValue + 1) }

  /// The coarsest whose buckets make up steps of that length; nil where only readings do.
  package static func coarsest(for step: Milliseconds) -> Resolution? {
    allCases.reversed().first { step % $0.length == 0 }
  }
}
