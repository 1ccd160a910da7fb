import Glibc
package import Readings

/// From a topic's bytes to the registered device, without making a string: a hash table over the topics that registered devices use.
package struct TopicIndex: Sendable {
  package enum Match: Equatable, Sendable {
    case telemetry(device: Int)
    case status(device: Int)
    /// A topic as it should be, of a device that nobody registered.
    case unknown(device: String)
    case reject(RejectReason)
  }

  /// What Thuong subscribes to: all below its root, so that a misspelt level is counted as `wrong_topic` and not missed.
  package static let subscriptions = ["thuong/v1/#"]

  private struct Slot {
    var hash: UInt64
    var offset: UInt32
    var length: UInt32
    /// device * 2, plus 1 for its status topic; -1 where the slot is free.
    var target: Int32
  }

  private var slots: [Slot]
  private var topics: [UInt8] = []
  private let registry: Registry

  package init(registry: Registry) {
    var capacity = 16
    while capacity < registry.devices.count * 4 { capacity *= 2 }
    slots = Array(repeating: Slot(hash: 0, offset: 0, length: 0, target: -1), count: capacity)
    self.registry = registry
    for device in registry.devices.indices {
      let base = "thuong/v1/\(registry.subject(of: device))"
      add("\(base)/telemetry", target: Int32(device * 2))
      add("\(base)/status", target: Int32(device * 2 + 1))
    }
  }

  private mutating func add(_ topic: String, target: Int32) {
    let bytes = Array(topic.utf8)
    let hash = bytes.withUnsafeBytes { ByteHash.of($0) }
    var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[place].target >= 0 { place = (place + 1) & (slots.count - 1) }
    slots[place] = Slot(hash: hash, offset: UInt32(topics.count), length: UInt32(bytes.count), target: target)
    topics += bytes
  }

  /// Finds the device that a message on `topic` comes from, or why it comes from none.
  package func match(_ topic: UnsafeRawBufferPointer) -> Match {
    let hash = ByteHash.of(topic)
    var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[place].target >= 0 {
      let slot = slots[place]
      if slot.hash == hash, Int(slot.length) == topic.count, isEqual(slot, topic) {
        let device = Int(slot.target >> 1)
        return slot.target & 1 == 0 ? .telemetry(device: device) : .status(device: device)
      }
      place = (place + 1) & (slots.count - 1)
    }
    return stranger(topic)
  }

  private func isEqual(_ slot: Slot, _ topic: UnsafeRawBufferPointer) -> Bool {
    topics.withUnsafeBytes { all in
      guard let known = all.baseAddress, let bytes = topic.baseAddress else { return topic.isEmpty }
      return memcmp(known + Int(slot.offset), bytes, topic.count) == 0
    }
  }

  /// Why no registered topic is this one: a known device under another site or domain, or a device that nobody registered.
  private func stranger(_ topic: UnsafeRawBufferPointer) -> Match {
    let levels = topic.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard levels.count == 6, levels[0].elementsEqual("thuong".utf8), levels[1].elementsEqual("v1".utf8),
      levels[5].elementsEqual("telemetry".utf8) || levels[5].elementsEqual("status".utf8),
      let id = String(validating: levels[4], as: UTF8.self), Identifier.isValid(id)
    else { return .reject(.wrongTopic) }
    return registry.deviceIndex(id) == nil ? .unknown(device: id) : .reject(.wrongTopic)
  }
}
