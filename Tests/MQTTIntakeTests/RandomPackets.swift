import TestSupport

/// Streams of packets such as a broker may send, each with what it must be told as.
struct RandomPackets {
  private var random: SeededGenerator
  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private(set) var bytes: [UInt8] = []
  private(set) var messages: [ConnectionLog.Message] = []
  private(set) var acknowledged: [UInt16] = []

  mutating func add(_ count: Int, payloadMax: Int) {
    for _ in 0..<count {
      if Int.random(in: 0..<8, using: &random) == 0 { bytes += [0xd0, 0] } else { addMessage(payloadMax) }
    }
  }

  private mutating func addMessage(_ payloadMax: Int) {
    let topic = text(1...40)
    let payload = (0..<Int.random(in: 0...payloadMax, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    let isFirst = Bool.random(using: &random)
    let number = isFirst ? 0 : UInt16.random(in: 1...UInt16.max, using: &random)
    let retain = Bool.random(using: &random)
    let flags: UInt8 = (isFirst ? 0 : 2) | (retain ? 1 : 0) | (!isFirst && Bool.random(using: &random) ? 8 : 0)
    let (properties, sentAt) = properties()
    bytes += BrokerPackets.message(topic, payload, flags: flags, number: number, properties: properties)
    messages.append(.init(topic: topic, payload: payload, retain: retain, packet: number, sentAt: sentAt))
    if number != 0 { acknowledged.append(number) }
  }

  private mutating func properties() -> (bytes: [UInt8], sentAt: Int64?) {
    var bytes: [UInt8] = []
    var sentAt: Int64?
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: bytes += [0x01, 1]
      case 1: bytes += [0x02, 1, 2, 3, 4]
      case 2: bytes += [0x0b] + BrokerPackets.variable(Int.random(in: 1..<268_435_456, using: &random))
      case 3: bytes += [0x09] + BrokerPackets.text16((0..<200).map { UInt8($0) })
      case 4: bytes += [0x03] + BrokerPackets.text(text(0...20))
      case 5: bytes += BrokerPackets.userProperty(text(0...4), text(0...30))
      default:
        let value = Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random)
        bytes += BrokerPackets.userProperty("at", "\(value)")
        sentAt = sentAt ?? value
      }
    }
    return (bytes, sentAt)
  }

  private mutating func text(_ length: ClosedRange<Int>) -> String {
    let letters = Array("abcdefghijklmnopqrsuvwxyz/ữ-0123456789")
    return String((0..<Int.random(in: length, using: &random)).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] })
  }

  mutating func cuts(_ count: Int) -> [Int] { (0..<count).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted() }

  /// The stream with a few bytes changed, dropped or put in.
  mutating func mutated() -> [UInt8] {
    var changed = bytes
    for _ in 0..<Int.random(in: 1...6, using: &random) where !changed.isEmpty {
      let place = Int.random(in: 0..<changed.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: changed[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
      case 2: changed.remove(at: place)
      default: changed.insert(UInt8.random(in: 0...255, using: &random), at: place)
      }
    }
    return changed
  }

  mutating func noise() -> [UInt8] {
    (0..<Int.random(in: 1...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
  }
}
