import DeviceRegistry
import Readings

/// What the rules keep in memory of one device, at most.
package struct RuleMemory: Hashable, Sendable {
  /// Bytes of the states of its windows: 16 to 144 a window, however much is in it.
  package var states: Int
  /// Bytes that windows of min, max, p50 and p95 keep of readings besides, at most.
  package var rings: Int
  /// Readings that stay in memory because a window looks back on them; each is 16 bytes in its head.
  package var readings: Int
}

extension RuleProgram {
  /// Bytes of a reading in a head.
  package static let bytesPerReading = 16

  /// At the device's own interval. Devices that report faster than they say keep as much more.
  package func memory(of device: Int) -> RuleMemory {
    var memory = RuleMemory(states: DeviceState.stride, rings: 0, readings: 0)
    let interval = max(1, registry.interval(of: device))
    var reach: [UInt16: Int64] = [:]
    for index in windows(of: device) {
      let window = windows[index]
      memory.states += window.kind.type.stride
      memory.rings += window.kind.bytesPerReading * Int(window.width / interval + 1)
      reach[window.metric] = max(reach[window.metric] ?? 0, window.reach)
    }
    memory.readings = reach.values.reduce(0) { $0 + Int($1 / interval) }
    return memory
  }

  /// Windows of one device: what rules and functions share counts once.
  package func windowCount(of device: Int) -> Int { windows(of: device).count }
}
