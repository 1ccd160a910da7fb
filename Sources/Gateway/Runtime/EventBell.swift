import Synchronization

/// Tells whoever listens that events were committed. The writer rings it; it never blocks.
final class EventBell: Sendable {
  private let listener = Mutex<(@Sendable () -> Void)?>(nil)

  func ring() { listener.withLock { $0 }?() }
  func listen(_ new: @escaping @Sendable () -> Void) { listener.withLock { $0 = new } }
}
