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
  /// The minute in which each device was last counted.
  private var countedIn: [Int64]
  /// The machine's wall clock stepped away from the monotonic one.
  var wallStepped = false

  init(devices: Int) {
    leastHeard = max(1, min(3, devices))
    countedIn = [Int64](repeating: .min, count: devices)
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
    }
    guard countedIn[device] != now else { return }
    countedIn[device] = now
    current.heard += 1
    if ts - clock > Self.tolerance { current.ahead += 1 }
    if clock - ts > Self.tolerance { current.behind += 1 }
  }
}
