import Dispatch
import Foundation

/// Ctrl-C and SIGTERM, for commands that end what they started or say what came of it.
enum Interrupt {
  /// Calls `stop` at each, for as long as the sources live, in place of the process' end.
  static func on(_ stop: @escaping @Sendable () -> Void) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler(handler: stop)
      source.resume()
      return source
    }
  }
}
