import Database
import Readings

/// Why a command was not done, in words.
package struct CommandRefused: Error, Sendable, Equatable {
  package enum Kind: Sendable { case malformed, notFound, conflict }
  package var kind: Kind
  package var words: String
}

extension GatewayService {
  /// Does a command, as traces carry it, and returns when it is committed.
  ///
  /// - Throws: `CommandRefused`, or `StoreError`.
  package func obey(_ command: [UInt8]) async throws {
    if let refused = CommandRefused(try await writer.submit(command)) { throw refused }
  }
}

extension CommandRefused {
  /// Nil for what was done.
  package init?(_ outcome: CommandOutcome) {
    switch outcome {
    case .done: return nil
    case .unknown: self.init(kind: .malformed, words: "no such command is known")
    case .refused(let why): self.init(kind: why.kind, words: "\(why)")
    }
  }
}

extension CommandRefusal {
  fileprivate var kind: CommandRefused.Kind {
    switch self {
    case .unknownAlert, .unknownSilence: .notFound
    case .alertEnded, .tooManySilences, .noClock: .conflict
    case .malformed, .silenceOver, .matchesNothing, .matchesEverything: .malformed
    }
  }
}
