import Synchronization

/// What a sink's tasks, and those who wake it, bring to its state: in order, wakes that come together as one.
final class SinkInbox: Sendable {
  private struct State {
    var events: [SinkState.Event] = []
    var isWoken = false
    var isClosed = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  func put(_ event: SinkState.Event) {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      if case .wake = event {
        if state.isWoken { return nil }
        state.isWoken = true
      }
      state.events.append(event)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Waits for what comes, and takes all that is there. Nil when its task is cancelled.
  func next() async -> [SinkState.Event]? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isThere = state.withLock { state in
          if !state.events.isEmpty || state.isClosed { return true }
          state.waiter = continuation
          return false
        }
        if isThere { continuation.resume() }
      }
      return state.withLock { state in
        if state.isClosed { return nil }
        defer { (state.events, state.isWoken) = ([], false) }
        return state.events
      }
    } onCancel: {
      let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
        state.isClosed = true
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume()
    }
  }
}
