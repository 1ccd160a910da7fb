import Synchronization

/// Tells whoever listens that events were committed. The writer rings it; it never blocks.
package final class EventBell: Sendable {
  private let listener = Mutex<(@Sendable () -> Void)?>(nil)

  package init() {}

  func ring() { listener.withLock { $0 }?() }
  package func listen(_ new: @escaping @Sendable () -> Void) { listener.withLock { $0 = new } }
}
