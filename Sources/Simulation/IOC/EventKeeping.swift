import Dispatch
import Synchronization

/// A stand-in's ledger, and its file where it has one: an event is on the disk before it counts as taken.
final class EventKeeping: Sendable {
  private let ledger: Mutex<ReceiverLedger>
  private let file: ReceivedEventFile?
  /// Writing waits for the disk, which no thread of the server may.
  private let disk = DispatchQueue(label: "vn.thuong.ioc.store")

  init(_ file: ReceivedEventFile?) {
    self.file = file
    var restored = ReceiverLedger()
    for event in file?.events ?? [] {
      _ = restored.compareBytes(of: event)
      _ = restored.take(event)
    }
    ledger = Mutex(restored)
  }

  var state: ReceiverLedger { ledger.withLock { $0 } }

  /// See `ReceiverLedger.compareBytes`.
  func compareBytes(of event: ReceivedEvent) -> Bool { ledger.withLock { $0.compareBytes(of: event) } }

  /// Keeps an event, unless it is there already. Heartbeats are not written.
  func take(_ event: ReceivedEvent) async throws -> ReceiverLedger.Order {
    guard let file, event.sequence != nil else { return ledger.withLock { $0.take(event) } }
    return try await withCheckedThrowingContinuation { continuation in
      disk.async { [self] in
        continuation.resume(
          with: Result {
            if !ledger.withLock({ $0.isTaken(event) }) { try file.append(event) }
            return ledger.withLock { $0.take(event) }
          })
      }
    }
  }
}
