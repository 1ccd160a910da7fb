import MQTTIntake
import Readings

/// What the broker says of itself under `$SYS`. It never becomes a reading.
enum BrokerReport: Equatable {
  /// Messages to anybody that it dropped since its start.
  case dropped(Int64)
  case uptime(seconds: Int64)

  private static let droppedTopic = "$SYS/broker/publish/messages/dropped"
  private static let uptimeTopic = "$SYS/broker/uptime"
  static let topics = [droppedTopic, uptimeTopic]

  /// nil where it is something else.
  init?(_ message: borrowing MQTTMessage) {
    let text = String(decoding: message.payload.prefix(40), as: UTF8.self)
    let number = text.prefix { $0.isASCII && $0.isNumber }
    guard let value = Int64(number), value < 1_000_000_000_000 else { return nil }
    if message.topic.elementsEqual(Self.droppedTopic.utf8) {
      self = .dropped(value)
    } else if message.topic.elementsEqual(Self.uptimeTopic.utf8) {
      self = .uptime(seconds: value)
    } else {
      return nil
    }
  }

  static func isReport(_ message: borrowing MQTTMessage) -> Bool { message.topic.first == UInt8(ascii: "$") }
}
