import Dispatch
import GRDB
import Glibc
import Readings
import Synchronization

/// Cuts off reads that take too long. It reads no clock: it looks at what runs again and again, and counts how often it saw the same.
final class ReadWatch: Sendable {
  private static let looksMax = 20

  private struct State {
    /// How often each thread's read was seen; nil where none runs.
    var looks: [Int?]
    /// The watch waits for a read to begin.
    var isAsleep = false
    var isOver = false
  }

  private let state: Mutex<State>
  private let bell = DispatchSemaphore(value: 0)
  private let connections: [DatabaseQueue]
  /// Between two looks.
  private let pause: Int32

  init(_ connections: [DatabaseQueue], lengthMax: Milliseconds) {
    self.connections = connections
    pause = Int32(clamping: max(1, lengthMax / Milliseconds(Self.looksMax)))
    state = Mutex(State(looks: connections.map { _ in nil }))
  }

  func began(_ place: Int) {
    let wakes = state.withLock { state in
      state.looks[place] = 0
      defer { state.isAsleep = false }
      return state.isAsleep
    }
    if wakes { bell.signal() }
  }

  /// No interrupt comes after this returns.
  func ended(_ place: Int) { state.withLock { $0.looks[place] = nil } }

  func end() {
    state.withLock { $0.isOver = true }
    bell.signal()
  }

  func run() {
    while true {
      let (isOver, sleeps) = state.withLock { state in
        state.isAsleep = state.looks.allSatisfy { $0 == nil }
        return (state.isOver, state.isAsleep)
      }
      if isOver { return }
      if sleeps { bell.wait() } else { poll(nil, 0, pause) }
      look()
    }
  }

  /// An interrupt between two statements of a read is lost: so a read that is too long is interrupted at every look until it ends.
  private func look() {
    state.withLock { state in
      for (place, seen) in state.looks.enumerated() {
        guard let seen else { continue }
        state.looks[place] = seen + 1
        if seen > Self.looksMax { connections[place].interrupt() }
      }
    }
  }
}
