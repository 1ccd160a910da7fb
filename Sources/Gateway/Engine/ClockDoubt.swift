import Readings

/// Whether the clock can be believed, judged by the devices: when half of those heard in this minute and the last disagree with it
/// the same way by more than five minutes, it is the clock that is wrong. Fewer than three devices (or all there are) prove nothing.
struct ClockDoubt {
  static let tolerance: Milliseconds = 300_000

  private struct Census {
    var heard = 0
    var ahead = 0
    var behind = 0
  }

  private let leastHeard: Int
  private var minute: Int64 = .min
  private var current = Census()
  private var previous = Census()
  /// One bit a device: it was counted in this minute.
  private var counted: [UInt8]
  /// The machine's wall clock stepped away from the monotonic one.
  var wallStepped = false

  init(devices: Int) {
    leastHeard = max(1, min(3, devices))
    counted = [UInt8](repeating: 0, count: (devices + 7) / 8)
  }

  var isDoubtful: Bool { wallStepped || devicesDisagree }

  private var devicesDisagree: Bool {
    let heard = current.heard + previous.heard
    return heard >= leastHeard && max(current.ahead + previous.ahead, current.behind + previous.behind) * 2 >= heard
  }

  /// A device was heard with a time of its own; each counts once a minute.
  mutating func heard(_ device: Int, ts: Timestamp, clock: Timestamp) {
    let now = clock.milliseconds / 60_000
    if now != minute {
      previous = now == minute + 1 ? current : Census()
      current = Census()
      minute = now
      for i in counted.indices { counted[i] = 0 }
    }
    let bit = UInt8(1) << UInt8(device & 7)
    guard counted[device >> 3] & bit == 0 else { return }
    counted[device >> 3] |= bit
    current.heard += 1
    if ts - clock > Self.tolerance { current.ahead += 1 }
    if clock - ts > Self.tolerance { current.behind += 1 }
  }

  // MARK: Kept with each commit: what is doubted may not depend on a restart

  /// The minute and both censuses as 7 integers of 8 bytes, little endian, then the bits of the devices.
  var saved: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(56 + counted.count)
    func append(_ n: Int64) { for shift in stride(from: Int64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: n >> shift)) } }
    func append(_ census: Census) {
      append(Int64(census.heard))
      append(Int64(census.ahead))
      append(Int64(census.behind))
    }
    append(minute)
    append(current)
    append(previous)
    bytes += counted
    return bytes
  }

  /// Where the devices are others than they were, each may count once more in its minute.
  mutating func restore(_ bytes: [UInt8]) {
    guard bytes.count >= 56 else { return }
    let n = (0..<7).map { i in bytes[(i * 8)..<(i * 8 + 8)].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) } }
    minute = n[0]
    current = Census(heard: Int(n[1]), ahead: Int(n[2]), behind: Int(n[3]))
    previous = Census(heard: Int(n[4]), ahead: Int(n[5]), behind: Int(n[6]))
    if bytes.count == 56 + counted.count { counted = Array(bytes[56...]) }
  }
}
