import Foundation
import Simulation

/// A receiver in Python as a child: it is killed and started again on its port, with its files.
final class PythonReceiver {
  let port: Int
  private let command: [String]
  private let log: String
  private var child: ChildProcess?

  /// - Parameter command: an interpreter, a script, and its arguments.
  init(port: Int, log: String, command: [String]) throws {
    (self.port, self.log, self.command) = (port, log, command)
    try Data().write(to: URL(fileURLWithPath: log))
  }

  deinit { kill() }

  /// Returns when it listens.
  func start() async throws {
    let output = FileHandle(forWritingAtPath: log)
    output?.seekToEndOfFile()
    let child = try ChildProcess(command[0], Array(command.dropFirst()), output: output)
    self.child = child
    let isUp = await Bench.wait(seconds: 30) { LoopbackPort.isOpen(port) || !child.isRunning }
    guard isUp, child.isRunning else {
      throw KillFailure("the receiver does not listen: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
    }
  }

  /// kill -9.
  func kill() {
    child?.send(SIGKILL)
    child?.wait()
  }
}
