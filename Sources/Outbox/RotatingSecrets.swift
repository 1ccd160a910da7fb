import Foundation
import Logging
import NIOCore
import Synchronization

/// A sink's secrets as its file has them now: it is looked at once a second, so that a rotation needs no restart. A file with a fault
/// changes nothing and is told once.
final class RotatingSecrets: Sendable {
  private struct Stamp: Equatable {
    var inode: UInt64
    var size: Int64
    var seconds: Int
    var nanoseconds: Int
  }
  private struct State {
    var secrets: [WebhookSecret]
    var stamp: Stamp?
    var lookAgain = NIODeadline.now() + .seconds(1)
  }

  private let sink: String
  private let file: String?
  private let logger: Logger?
  private let state: Mutex<State>

  init(of sink: SinkConfiguration, logger: Logger?) {
    (self.sink, file, self.logger) = (sink.id, sink.secretFile, logger)
    // What stands there now may be newer than what was loaded: the first look reads it.
    state = Mutex(State(secrets: sink.secrets, stamp: nil, lookAgain: .now()))
  }

  func current() -> [WebhookSecret] {
    guard let file else { return state.withLock(\.secrets) }
    return state.withLock { state in
      guard state.lookAgain <= .now() else { return state.secrets }
      state.lookAgain = .now() + .seconds(1)
      let stamp = Self.stamp(of: file)
      if stamp == state.stamp { return state.secrets }
      state.stamp = stamp
      do {
        state.secrets = try WebhookSecret.load(file: file)
      } catch {
        logger?.error("The secrets stay as they were", metadata: ["sink": "\(sink)", "error": "\(error)"])
      }
      return state.secrets
    }
  }

  /// Nil where there is no file.
  private static func stamp(of file: String) -> Stamp? {
    var status = stat()
    guard stat(file, &status) == 0 else { return nil }
    return Stamp(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: Int(status.st_mtim.tv_sec),
      nanoseconds: Int(status.st_mtim.tv_nsec))
  }
}
