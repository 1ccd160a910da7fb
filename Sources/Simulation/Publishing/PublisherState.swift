import Foundation

/// What the caller's threads and the network's share; every property but `acknowledged` is read and changed under `condition`.
final class PublisherState: @unchecked Sendable {
  let condition = NSCondition()
  private let acknowledged: @Sendable (MQTTPublisher.Acknowledgement) -> Void

  /// The numbers of messages under way by their packet identifiers.
  private(set) var inFlight: [Int32: Int] = [:]
  private(set) var sent = 0
  private(set) var accepted = 0
  private(set) var connectionCode: Int32?
  private(set) var connections = 0
  var isStopped = false

  init(acknowledged: @escaping @Sendable (MQTTPublisher.Acknowledgement) -> Void) { self.acknowledged = acknowledged }

  /// The state that a C callback was given.
  static func of(_ context: UnsafeMutableRawPointer?) -> PublisherState? {
    context.map { Unmanaged<PublisherState>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Under the lock.
  func note(_ identifier: Int32) -> Int {
    defer { sent += 1 }
    inFlight[identifier] = sent
    return sent
  }

  func connected(code: Int32) {
    condition.withLock {
      connectionCode = code
      if code == 0 { connections += 1 }
      condition.broadcast()
    }
  }

  func acknowledged(identifier: Int32, reason: Int32) {
    let isAccepted = reason < 0x80
    guard let number = condition.withLock({ inFlight[identifier] }) else { return }
    acknowledged(MQTTPublisher.Acknowledgement(number: number, isAccepted: isAccepted))
    // Only now: whoever waits for the flush finds the ledger complete.
    condition.withLock {
      inFlight[identifier] = nil
      if isAccepted { accepted += 1 }
      condition.broadcast()
    }
  }
}
