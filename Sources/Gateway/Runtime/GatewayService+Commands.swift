import Database
import Readings

/// Why a command was not done, in words.
package struct CommandRefused: Error, Sendable, Equatable {
  /// What it names is not there.
  package var isUnknown: Bool
  package var words: String
}

extension GatewayService {
  /// Does a command, as traces carry it, and returns when it is committed.
  ///
  /// - Throws: `CommandRefused`, or `StoreError`.
  package func obey(_ command: [UInt8]) async throws { try await writer.obey(command) }
}

extension Writer {
  func obey(_ command: [UInt8]) async throws {
    guard core.engine.command(command, at: core.clock.now) else {
      throw CommandRefused(isUnknown: false, words: "no such command is known")
    }
    try await record([])
  }
}
