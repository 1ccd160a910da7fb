import Synchronization

/// A question to the writer thread that is given up after a while: a thread that hangs in a write, or has ended, answers nobody.
package enum WriterQuestion {
  package static let patience: Duration = .seconds(5)

  /// - Throws: `Problem.writerSilent`.
  package static func ask<T: Sendable>(within patience: Duration = patience, _ question: @escaping @Sendable () async -> T) async throws
    -> T
  {
    let reply = Reply<T>()
    let answer = Task { reply.give(await question()) }
    let limit = Task {
      try await Task.sleep(for: patience)
      reply.give(nil)
    }
    defer {
      answer.cancel()
      limit.cancel()
    }
    guard let answered = await withCheckedContinuation({ reply.listen($0) }) else { throw Problem.writerSilent }
    return answered
  }

  /// The first of answer and limit.
  private final class Reply<T: Sendable>: Sendable {
    private enum State {
      case open(CheckedContinuation<T?, Never>?)
      case given(T?)
      case done
    }
    private let state = Mutex(State.open(nil))

    func listen(_ continuation: CheckedContinuation<T?, Never>) {
      let early: T?? = state.withLock { state in
        guard case .given(let value) = state else {
          state = .open(continuation)
          return nil
        }
        state = .done
        return .some(value)
      }
      if let early { continuation.resume(returning: early) }
    }

    func give(_ value: T?) {
      let waiting: CheckedContinuation<T?, Never>? = state.withLock { state in
        guard case .open(let waiting) = state else { return nil }
        state = waiting == nil ? .given(value) : .done
        return waiting
      }
      waiting?.resume(returning: value)
    }
  }
}
