/// Why a connection failed or ended.
package struct MQTTFault: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String
  /// The broker said that it ends: it had time to save what it holds.
  package let isBrokerEnding: Bool
  package init(_ description: String, isBrokerEnding: Bool = false) {
    (self.description, self.isBrokerEnding) = (description, isBrokerEnding)
  }

  /// What is known when the bytes just end: mosquitto gives no reason when it stops, nor to the loser of a session.
  static let closed = MQTTFault("the broker closed the connection without a reason: it was stopped, or another client has our client id")

  /// The broker's DISCONNECT; 0x8b is "server shutting down".
  static func ended(by reason: UInt8) -> MQTTFault {
    MQTTFault("the broker ended the connection (\(ReasonText.of(reason)))", isBrokerEnding: reason == 0x8b)
  }
}
