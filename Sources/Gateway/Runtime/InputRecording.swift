import Foundation
package import Readings
import Synchronization

/// The inputs of the running engine, as lines of a trace on their way to whoever records them.
///
/// The writer thread appends and never waits: where the reader falls behind by more than `bytesMax`, the recording is over, and says so.
/// Payloads stand in `base64`, which costs the writer little; `thuong record` writes them as people read them.
package final class InputRecording: Sendable {
  /// Of lines that wait for the reader.
  package static let bytesMax = 16 << 20

  /// Why a recording is over.
  package enum End: Sendable, Equatable {
    /// Its reader did not keep up.
    case behind
    /// It was asked to end.
    case stopped
  }

  private struct State {
    var lines = JSONWriter(reserving: 1 << 16)
    var count = 0
    var end: End?
    /// Commands from before the first input.
    var early: [[UInt8]] = []

    var bytes: Int { early.reduce(lines.bytes.count) { $0 + $1.count } }

    mutating func append(_ at: Timestamp, _ rest: (inout JSONWriter) -> Void) {
      lines.object { line in
        line.field("at", at.milliseconds)
        rest(&line)
      }
      lines.endLine()
      count += 1
    }

    mutating func append(command json: [UInt8], _ at: Timestamp) {
      append(at) { line in
        line.key("command")
        line.raw(json)
      }
    }

    /// What came before the first input stands with its instant.
    mutating func appendEarly(_ at: Timestamp) {
      for json in early { append(command: json, at) }
      early = []
    }

    mutating func end(beyond bytesMax: Int) {
      if bytes > bytesMax { (end, lines, early) = (.behind, JSONWriter(), []) }
    }
  }

  private let state = Mutex(State())
  private let bytesMax: Int

  package init(bytesMax: Int = InputRecording.bytesMax) { self.bytesMax = bytesMax }

  package func message(topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, retain: Bool, at: Timestamp) {
    // Not even a line is made for a reader that has gone.
    guard state.withLock({ $0.end == nil }) else { return }
    let base64 = Data(payload).base64EncodedString()
    append(at) { line in
      line.field("topic", String(decoding: topic, as: UTF8.self))
      if retain { line.field("retain", true) }
      line.field("base64", base64)
    }
  }

  /// - Parameter at: nil before the engine's first input, whose instant it then gets: where none comes there is nothing to replay.
  package func command(_ json: [UInt8], at: Timestamp?) {
    change { state in
      guard let at else { return state.early.append(json) }
      state.appendEarly(at)
      state.append(command: json, at)
    }
  }

  package func intake(isUp: Bool, at: Timestamp) { append(at) { $0.field("intake", isUp ? "up" : "down") } }

  package func clock(at: Timestamp) { append(at) { _ in } }

  private func append(_ at: Timestamp, _ rest: (inout JSONWriter) -> Void) {
    change { state in
      state.appendEarly(at)
      state.append(at, rest)
    }
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { state in
      guard state.end == nil else { return }
      body(&state)
      state.end(beyond: bytesMax)
    }
  }

  /// Nothing more is taken; what waits can still be had.
  package func stop() { state.withLock { $0.end = $0.end ?? .stopped } }

  /// The lines since the last call, and why there will be no more; nil while there may be.
  package func take() -> (lines: [UInt8], end: End?) {
    state.withLock { state in
      defer { state.lines.removeAll() }
      return (state.lines.bytes, state.end)
    }
  }

  /// Lines so far.
  package var count: Int { state.withLock { $0.count } }
}
