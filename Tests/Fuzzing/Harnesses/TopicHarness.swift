import DeviceRegistry
import Readings

/// Topics: the index finds what splitting the topic and looking through all devices finds.
final class TopicHarness: Harness {
  static let name = "topic"

  private let registry: Registry
  private let index: TopicIndex

  init() throws {
    registry = try FuzzTown.registry()
    index = TopicIndex(registry: registry)
  }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    let (found, expected) = (index.match(input), expected(Array(input)))
    try promise(found == expected, "matched as \(found), not as \(expected)")
    return switch found {
    case .telemetry: "telemetry"
    case .status: "status"
    case .unknown: "unknown_device"
    case .reject(let reason): reason.name
    }
  }

  private func expected(_ topic: [UInt8]) -> TopicIndex.Match {
    let levels = topic.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String(validating: $0, as: UTF8.self) }
    guard levels.count == 6, levels[0] == "thuong", levels[1] == "v1", let id = levels[4], let last = levels[5],
      ["telemetry", "status"].contains(last), id.wholeMatch(of: /[-a-z0-9_.]{1,64}/.matchingSemantics(.unicodeScalar)) != nil
    else { return .reject(.wrongTopic) }
    for (place, device) in registry.devices.enumerated() where device.id == id {
      guard levels[2] == device.site, levels[3] == registry.profile(of: place).domain else { return .reject(.wrongTopic) }
      return last == "telemetry" ? .telemetry(device: place) : .status(device: place)
    }
    return .unknown(device: id)
  }
}
