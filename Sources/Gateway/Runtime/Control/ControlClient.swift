import Foundation
import Glibc
import Readings

/// Asks a running gateway through its socket.
package final class ControlClient: Sendable {
  /// A longer answer is none of Thuong's: the largest message that a broker passes on is shorter.
  private static let lineMax = 16 << 20

  private let socket: LocalSocket

  /// Nil where no gateway runs on that directory, or has no socket.
  package init?(directory: String) {
    guard let socket = LocalSocket.connected(directory: directory, name: ControlRequest.socketName) else { return nil }
    self.socket = socket
  }

  /// Asks, and waits for the one line of the answer.
  ///
  /// - Throws: `ControlProblem`.
  package func ask(_ request: ControlRequest) throws(ControlProblem) { _ = try reply(to: request.line) }

  /// The line that answers these bytes, of which no more will come.
  package func reply(to bytes: [UInt8]) throws(ControlProblem) -> [UInt8] {
    try send(bytes)
    stop()
    var answer: [UInt8]?
    try lines { line in
      answer = line
      return false
    }
    guard let answer else { throw ControlProblem(.unavailable, "the gateway ended before it answered") }
    return answer
  }

  /// Lines of a recording, each given to `line`, until `stop()` is called by another thread.
  ///
  /// - Throws: `ControlProblem`, also where the gateway ends; and what `line` throws.
  package func record(_ line: ([UInt8]) throws -> Void) throws {
    try send(ControlRequest.record.line)
    var failure: (any Error)?
    var isWhole = false
    try lines { bytes in
      if bytes.starts(with: Array(#"{"end":"#.utf8)) {
        isWhole = true
        return false
      }
      do { try line(bytes) } catch {
        failure = error
        return false
      }
      return true
    }
    if let failure { throw failure }
    if !isWhole { throw ControlProblem(.unavailable, "the gateway has ended") }
  }

  /// Ends a recording: the gateway sends what it has, and the end.
  package func stop() { shutdown(socket.descriptor, Int32(SHUT_WR)) }

  private func send(_ bytes: [UInt8]) throws(ControlProblem) {
    guard socket.write(bytes, milliseconds: ControlServer.patience) else {
      throw ControlProblem(.unavailable, "the gateway does not take the request")
    }
  }

  /// Gives each line without its end, until `take` returns false or the gateway closes.
  private func lines(_ take: ([UInt8]) -> Bool) throws(ControlProblem) {
    var rest: [UInt8] = []
    var searched = 0
    while true {
      let part = socket.read(atMost: 256 << 10)
      if part.isEmpty { return }
      rest += part
      var start = 0
      while let end = rest[max(start, searched)...].firstIndex(of: 0x0a) {
        let line = Array(rest[start..<end])
        (start, searched) = (end + 1, end + 1)
        if line.starts(with: Array(#"{"problem":"#.utf8)), let problem = Self.problem(line) { throw problem }
        if !take(line) { return }
      }
      rest.removeFirst(start)
      searched = rest.count
      if rest.count > Self.lineMax { throw ControlProblem(.unavailable, "the gateway's answer has no end") }
    }
  }

  private static func problem(_ line: [UInt8]) -> ControlProblem? {
    ((try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any]).flatMap(ControlProblem.init)
  }
}
