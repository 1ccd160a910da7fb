import Synchronization

/// What a sink's tasks, and those who wake it, bring to its state: in order, wakes that come together as one. Of what commits give it holds
/// a page at most: more is only a wake, and read later.
final class SinkInbox: Sendable {
  private struct State {
    var events: [SinkState.Event] = []
    var isWoken = false
    /// Deliveries in `events` that commits gave.
    var given = 0
    var isClosed = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  func put(_ event: SinkState.Event) {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      var event = event
      if case .given(let new) = event {
        if state.given + new.count > SinkState.pageSize { event = .wake } else { state.given += new.count }
      }
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
        defer { (state.events, state.isWoken, state.given) = ([], false, 0) }
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
