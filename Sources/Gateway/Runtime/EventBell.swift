package import Outbox
import Synchronization

/// Tells whoever listens that events were committed, and which of them sinks were given. The writer rings it; it never blocks.
package final class EventBell: Sendable {
  package typealias Listener = @Sendable (GivenDeliveries) -> Void
  private let listener = Mutex<Listener?>(nil)

  package init() {}

  func ring(_ given: GivenDeliveries) { listener.withLock { $0 }?(given) }
  package func listen(_ new: @escaping Listener) { listener.withLock { $0 = new } }
}
