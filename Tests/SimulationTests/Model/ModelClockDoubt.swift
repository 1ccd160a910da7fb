/// Whether the clock can be believed. What "half of the devices heard in a minute" are, and when a doubt ends, the contract leaves open; as
/// the engine: those heard in the last minute in which any was and in the minute before it, each device once a minute, and fewer than three
/// prove nothing.
struct ModelClockDoubt {
  private struct Heard {
    var minute: Int64
    var device: String
    /// 1 ahead of the clock by more than five minutes, -1 behind it, 0 neither.
    var side: Int
  }

  private var heard: [Heard] = []
  /// A command said so.
  var isTold = false

  mutating func hears(_ device: String, ts: Int64, clock: Int64) {
    let minute = clock / 60_000
    if heard.reversed().prefix(while: { $0.minute == minute }).contains(where: { $0.device == device }) { return }
    heard.append(Heard(minute: minute, device: device, side: ts - clock > 300_000 ? 1 : clock - ts > 300_000 ? -1 : 0))
  }

  var isDoubtful: Bool {
    if isTold { return true }
    let minute = heard.last?.minute ?? 0
    let recent = heard.reversed().prefix { $0.minute >= minute - 1 }
    let (ahead, behind) = (recent.count { $0.side == 1 }, recent.count { $0.side == -1 })
    return recent.count >= 3 && max(ahead, behind) * 2 >= recent.count
  }
}
