import Foundation
import Logging
import NIOCore
import Synchronization

/// A sink's secrets as its file has them now: it is looked at once a second, so that a rotation needs no restart. A file with a fault
/// changes nothing: it is told once for each fault, and looked into until it is good again.
final class RotatingSecrets: Sendable {
  private struct Stamp: Equatable {
    var inode: UInt64
    var size: Int64
    /// Of the last change of content or mode.
    var seconds: Int
    var nanoseconds: Int
  }
  private struct State {
    var secrets: [WebhookSecret]
    /// Of the file as it was read last; nil: it has to be read.
    var stamp: Stamp?
    var fault: String?
    var lookAgain: NIODeadline
  }

  private let sink: String
  private let file: String?
  private let logger: Logger?
  private let state: Mutex<State>

  init(of sink: SinkConfiguration, logger: Logger?) {
    (self.sink, file, self.logger) = (sink.id, sink.secretFile, logger)
    // What stands there now may be newer than what was loaded: the first look reads it.
    state = Mutex(State(secrets: sink.secrets, stamp: nil, fault: nil, lookAgain: .now()))
  }

  func current() -> [WebhookSecret] { looked().secrets }

  /// Why the file cannot be read now, in a line that names it; nil where it can.
  func fault() -> String? { looked().fault }

  /// Looks until it is cancelled, so that a fault is told when it comes and not with the next event.
  func watch() async {
    repeat { _ = looked() } while (try? await Task.sleep(for: .seconds(1))) != nil
  }

  private func looked() -> State {
    state.withLock { state in
      guard let file, state.lookAgain <= .now() else { return state }
      state.lookAgain = .now() + .seconds(1)
      let stamp = Self.stamp(of: file)
      if let stamp, stamp == state.stamp { return state }
      read(file, stamp, &state)
      return state
    }
  }

  private func read(_ file: String, _ stamp: Stamp?, _ state: inout State) {
    do {
      let secrets = try WebhookSecret.load(file: file)
      if state.fault != nil || secrets != state.secrets {
        logger?.notice("The sink's secrets were read again", metadata: ["sink": "\(sink)", "file": "\(file)", "count": "\(secrets.count)"])
      }
      (state.secrets, state.stamp, state.fault) = (secrets, stamp, nil)
    } catch {
      if error.description != state.fault {
        logger?.error("The sink's secrets stay as they were", metadata: ["sink": "\(sink)", "error": "\(error)"])
      }
      (state.stamp, state.fault) = (nil, error.description)
    }
  }

  /// Nil where there is no file.
  private static func stamp(of file: String) -> Stamp? {
    var status = stat()
    guard stat(file, &status) == 0 else { return nil }
    return Stamp(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: Int(status.st_ctim.tv_sec),
      nanoseconds: Int(status.st_ctim.tv_nsec))
  }
}
