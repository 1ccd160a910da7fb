import Foundation
import Readings
import Simulation
import Testing

/// Ten detectors that report every minute, some of them with a clock or a network that is wrong; one has a real congestion.
@Suite struct DeviceClockTests {
  private static let start = SmallTown.start
  private static let day: Int64 = 86_400_000
  private static let minutes = 120

  private static var files: [String: String] {
    var files = RushHour.files
    let profile = "Devices/profiles/radar.yaml"
    files[profile] = files[profile]?.replacing("interval: 1s", with: "interval: 60s")
    // A device whose readings come late is silent for the rule `silent`, and rightly: it watches those that arrive in time.
    let rows = (0..<10).map { "  - {id: k-100\($0), profile: radar, site: bac-giang, zone: \((1...4).contains($0) ? "late" : "live")}" }
    files["Devices/bac-giang.yaml"] = "devices:\n" + rows.joined(separator: "\n") + "\n"
    files["Rules/traffic.yaml"] = """
      rules:
        - id: congestion
          name: {vi: "Ùn tắc", en: "Congestion"}
          where: {domain: traffic}
          when: mean(speed, 5m) < 15 and mean(occupancy, 5m) > 35
          hold: 3m
          clear: mean(speed, 5m) > 22
          clear_hold: 3m
          severity: major
        - id: silent
          name: {vi: "Mất tín hiệu", en: "Silent"}
          where: {zone: live}
          when: age(speed) > 10m
          severity: minor

      """
    return files
  }

  /// What a device measures at a minute.
  private static func values(_ device: Int, _ minute: Int) -> [(String, Double)] {
    let isCongested = device == 9 && (30..<50).contains(minute)
    return [("volume", Double(minute)), ("speed", isCongested ? 8.5 : 45), ("occupancy", isCongested ? 60 : 12)]
  }

  /// The report of that minute: arrives at `at`, says `ts`, and must be stored at `storedAt`.
  private static func report(_ device: Int, _ minute: Int, at: Int64, ts: Int64, storedAt: Int64) -> SmallTown.Message {
    SmallTown.message(at: at, device: "k-100\(device)", ts: ts, storedAt: storedAt, values: values(device, minute))
  }

  private static func instant(_ device: Int, _ minute: Int) -> Int64 { start + Int64(minute) * 60_000 + Int64(device) * 100 }

  /// Everybody in time.
  private static func quiet() -> [SmallTown.Message] {
    (0..<minutes).flatMap { minute in
      (0..<10).map { device in
        let at = instant(device, minute)
        return report(device, minute, at: at, ts: at, storedAt: at)
      }
    }
  }

  /// Device 0 is a day ahead, 1 a day behind; 2 and 3 send their first hour after it, in one array and in single messages in no order;
  /// those of 4 come up to four minutes late, so that they pass one another; the others are as they should be.
  private static func disturbed(_ random: inout SeededGenerator) -> [SmallTown.Message] {
    var messages: [SmallTown.Message] = []
    var buffered: [SmallTown.Message] = []
    for minute in 0..<minutes {
      for device in 0..<10 {
        let at = instant(device, minute)
        switch device {
        case 0: messages.append(report(device, minute, at: at, ts: at + day, storedAt: at))
        case 1: messages.append(report(device, minute, at: at, ts: at - day, storedAt: at - day))
        case 2 where minute < 60: buffered.append(report(device, minute, at: instant(2, 60), ts: at, storedAt: at))
        case 3 where minute < 60:
          messages.append(report(device, minute, at: instant(3, 60) + random.below(50_000), ts: at, storedAt: at))
        case 4: messages.append(report(device, minute, at: at + random.below(240_000), ts: at, storedAt: at))
        default: messages.append(report(device, minute, at: at, ts: at, storedAt: at))
        }
      }
    }
    var array = buffered[0]
    array.payload = "[\(buffered.map(\.payload).joined(separator: ","))]"
    array.readings = buffered.flatMap(\.readings)
    messages.append(array)
    // Stable: what arrives at one instant stays in order.
    return messages.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
  }

  @Test func `F14 Clocks off by a day and readings late or shuffled are stored where they belong, without a false alert`() async throws {
    let run = try TraceRun(files: Self.files)
    try SmallTown.write(Self.quiet(), to: run.path("quiet"))
    let quiet = try await run.replay(["quiet"], into: "a")
    #expect(quiet.command.code == 0 && quiet.events.count == 2, "one congestion, raised and cleared: \(quiet.events)")
    for round in 0..<UInt64(Soak.isOn ? 200 : 4) {
      var random = SeededGenerator(seed: Soak.seed &+ round)
      let messages = Self.disturbed(&random)
      try SmallTown.write(messages, to: run.path("disturbed"))
      let store = "b\(round)"
      let disturbed = try await run.replay(["disturbed"], into: store, batch: Int(random.below(100)) + 1)
      #expect(disturbed.command.code == 0)
      let balance = LineBalance(expected: messages.flatMap(\.readings), found: try await run.export(store).readings)
      #expect(balance.isEven, "\(balance) (seed \(Soak.seed &+ round))")
      #expect(disturbed.events == quiet.events, "seed \(Soak.seed &+ round)")
      let contents = try StoreContents(run.path(store))
      #expect(contents.balances && contents.rejected == (0, 0), "nothing is rejected for its time")
    }
  }

  @Test func `F14 An alert both raised and cleared by late readings is recorded and not told`() async throws {
    let run = try TraceRun(files: Self.files)
    // Device 9's congestion is heard of an hour later, all of it.
    let late = Self.quiet().map { message in
      guard message.topic.contains("k-1009"), message.at.milliseconds < Self.start + 60 * 60_000 else { return message }
      var late = message
      late.at = late.at + 60 * 60_000
      return late
    }
    try SmallTown.write(late.sorted { $0.at < $1.at }, to: run.path("late"))
    let told = try await run.replay(["late"], into: "c").events
    #expect(told.filter { $0.contains("congestion") }.isEmpty)
    #expect(try StoreContents(run.path("c")).transitions.filter { !$0.isEmpty }.count >= 2, "recorded")
  }
}
