import Foundation

/// Another process that holds a read transaction of a database, from its making on until it is told to let go.
///
/// It is this test's own executable, started again: see `CHeldRead`.
package final class HeldRead {
  private let child = Process()
  private let input = Pipe()

  /// Returns when the transaction is held.
  package init(database: String) throws {
    let output = Pipe()
    child.executableURL = URL(filePath: "/proc/self/exe")
    child.environment = ProcessInfo.processInfo.environment.merging(["HELD_READ": database]) { $1 }
    (child.standardInput, child.standardOutput) = (input, output)
    try child.run()
    guard output.fileHandleForReading.availableData == Data("holding\n".utf8) else { throw CocoaError(.executableLoad) }
  }

  package var process: Int32 { child.processIdentifier }

  /// Returns when the process is gone.
  package func letGo() throws {
    try input.fileHandleForWriting.close()
    child.waitUntilExit()
  }

  deinit { if child.isRunning { child.terminate() } }
}
