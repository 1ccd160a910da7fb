package import Outbox
import Synchronization

/// Tells whoever listens that events were committed, and which of them sinks were given. The writer rings it; it never blocks.
package final class EventBell: Sendable {
  /// In a structure: a closure that a generic type holds by itself is wrapped once more each time somebody looks at it there, and each call
  /// goes through all wrappings.
  private struct Listener: Sendable {
    var hear: @Sendable (GivenDeliveries) -> Void = { _ in }
  }
  private let listener = Mutex(Listener())

  package init() {}

  package func ring(_ given: GivenDeliveries) {
    let hear = listener.withLock { $0.hear }
    hear(given)
  }

  package func listen(_ hear: @escaping @Sendable (GivenDeliveries) -> Void) { listener.withLock { $0.hear = hear } }
}
