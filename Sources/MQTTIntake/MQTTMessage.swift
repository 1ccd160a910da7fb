/// A message as the broker sent it. The bytes are the connection's, valid during the call; they are not checked to be UTF-8.
@safe package struct MQTTMessage {
  package var topic: UnsafeRawBufferPointer
  package var payload: UnsafeRawBufferPointer
  package var retain: Bool
  /// 0 at QoS 0.
  package var packet: UInt16
  /// The user property `at` in milliseconds, where the connection reads it.
  package var sentAt: Int64?
}

/// What the connection tells its owner, on the owner's thread, from inside `read`.
package protocol MQTTConnectionDelegate: AnyObject {
  func received(_ message: borrowing MQTTMessage)
  func accepted(sessionPresent: Bool)
  func refused(_ reason: String)
  func subscribed()
  func subscriptionRefused(_ reason: String)
}
