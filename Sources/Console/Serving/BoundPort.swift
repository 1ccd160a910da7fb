import Synchronization

/// The port a server got, for those who wait to hear of it.
final class BoundPort: Sendable {
  private enum State {
    case unbound([CheckedContinuation<Int, any Error>])
    case bound(Int)
    case ended(wasBound: Bool)
  }

  private let state = Mutex(State.unbound([]))

  var wasBound: Bool {
    state.withLock {
      switch $0 {
      case .unbound: false
      case .bound: true
      case .ended(let wasBound): wasBound
      }
    }
  }

  /// Throws `CancellationError` where the server ended without a port.
  func wait() async throws -> Int {
    try await withCheckedThrowingContinuation { continuation in
      state.withLock { state in
        switch state {
        case .unbound(let waiting): state = .unbound(waiting + [continuation])
        case .bound(let port): continuation.resume(returning: port)
        case .ended: continuation.resume(throwing: CancellationError())
        }
      }
    }
  }

  func bind(_ port: Int) {
    for continuation in become(.bound(port)) { continuation.resume(returning: port) }
  }

  func end() {
    for continuation in become(.ended(wasBound: wasBound)) { continuation.resume(throwing: CancellationError()) }
  }

  private func become(_ next: State) -> [CheckedContinuation<Int, any Error>] {
    state.withLock { state in
      defer { state = next }
      if case .unbound(let waiting) = state { return waiting }
      return []
    }
  }
}
