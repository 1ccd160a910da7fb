import MQTTIntake

/// A delegate that keeps what it is told, and may do something at each.
final class ConnectionLog: MQTTConnectionDelegate {
  struct Message: Equatable {
    var topic: String
    var payload: [UInt8]
    var retain = false
    /// Given by the broker: left out where it does not matter.
    var packet: UInt16
    var sentAt: Int64?
  }

  enum Event: Equatable {
    case received(Message)
    case accepted(sessionPresent: Bool)
    case refused(String)
    case subscribed
    case subscriptionRefused(String)
  }

  private(set) var events: [Event] = []
  var whenTold: (Event) -> Void = { _ in }

  var messages: [Message] { events.compactMap { if case .received(let message) = $0 { message } else { nil } } }
  var payloads: [String] { messages.map { String(decoding: $0.payload, as: UTF8.self) } }
  var isSubscribed: Bool { events.contains(.subscribed) }

  private func note(_ event: Event) {
    events.append(event)
    whenTold(event)
  }

  func received(_ message: borrowing MQTTMessage) {
    note(
      .received(
        Message(
          topic: String(decoding: message.topic, as: UTF8.self), payload: Array(message.payload), retain: message.retain,
          packet: message.packet, sentAt: message.sentAt)))
  }
  func accepted(sessionPresent: Bool) { note(.accepted(sessionPresent: sessionPresent)) }
  func refused(_ reason: String) { note(.refused(reason)) }
  func subscribed() { note(.subscribed) }
  func subscriptionRefused(_ reason: String) { note(.subscriptionRefused(reason)) }
}
