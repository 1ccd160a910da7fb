import Alerting
import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Readings
import RuleEngine
import Simulation
import enum TestSupport.SlowRule

/// What operators say, as the API, the socket and traces bring it: a command a line, a second apart, to a real engine with an alert that is
/// raised. Silences that it takes hold and end when they say, and come back from the store.
final class OrderHarness: Harness {
  static let name = "orders"
  static let keepsState = true

  private static let start = Timestamp(milliseconds: 1_763_683_200_000)

  private let directory: TemporaryDirectory
  private let store: GatewayStore
  private let engine: Engine

  init() throws {
    directory = try TemporaryDirectory(prefix: "thuong-fuzz", inMemory: true)
    let registry = try FuzzTown.registry()
    store = try GatewayStore(directory: directory.path, durability: .normal, sinks: [])
    engine = try store.openEngine(
      registry: registry, book: try RuleFiles.read(sources: [("Rules/fuzz.yaml", SlowRule.text)], registry: registry),
      settings: EngineSettings(instance: "fuzz"))
    engine.intake(up: true, at: Self.start)
  }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    try raise()
    var isDone = false
    for line in input.split(separator: 0x0a, omittingEmptySubsequences: true).prefix(8) {
      isDone = try obey(Array(line)) || isDone
    }
    // The next input finds neither alerts nor silences of this one.
    for silence in try silences() { try promise(say(["unsilence": silence.id]) == .done, "a silence that cannot be ended: \(silence.id)") }
    try commit()
    try store.tend(engine, realNow: Self.start)
    return isDone ? "done" : "refused"
  }

  private func obey(_ line: [UInt8]) throws -> Bool {
    let at = try now() + 1000
    let (alerts, before) = (engine.openAlerts, try silences())
    // Whoever writes an input cannot know the id of the alert.
    let text = String(decoding: line, as: UTF8.self).replacing("ALERT", with: alerts.first ?? "none")
    let outcome = engine.command(Array(text.utf8), at: at)
    try promise(engine.nextDue.map { due in engine.clock.map { due > $0 } ?? false } ?? true, "something stays due after \(text)")
    try commit()
    let after = try silences()
    if outcome != .done {
      try promise(engine.openAlerts == alerts, "refused, it changed alerts: \(text)")
      try promise(after == before.filter { $0.until > at } || outcome == .unknown, "refused, it changed silences: \(text)")
    }
    for silence in after where !before.contains(silence) { try Self.check(silence, from: at) }
    return outcome == .done
  }

  /// It is over where it says, and holds in between as a plain look at every quarter of an hour has it.
  private static func check(_ silence: Silence, from now: Timestamp) throws {
    try promise(silence.until > now && !silence.matchesEverything && Identifier.isValid(silence.id), "a silence \(silence)")
    guard let end = silence.nextEnd(after: now) else { throw Violation("it never ends: \(silence)") }
    try promise(end > now && !silence.isActive(at: end), "it does not end where it says: \(silence)")
    var wasActive = silence.isActive(at: now)
    var t = now
    while t < min(end, now + 9 * 86_400_000) {
      let isActive = silence.isActive(at: t)
      try promise(isActive || !wasActive, "it ends before it says: \(silence) at \(t.rfc3339)")
      if let weekly = silence.weekly { try promise(!isActive || holds(weekly, at: t), "it holds at \(t.rfc3339): \(silence)") }
      (wasActive, t) = (isActive, t + 900_000)
    }
  }

  /// By the calendar: the hours of that day, or of the evening before.
  private static func holds(_ weekly: Silence.Weekly, at t: Timestamp) -> Bool {
    let local = t.milliseconds + VietnamTime.offset
    let (day, minute) = (Int(local / 86_400_000), Int(local % 86_400_000 / 60_000))
    let (today, yesterday) = ((day + 3) % 7, (day + 2) % 7)
    let isOvernight = weekly.to <= weekly.from
    if weekly.days.contains(today), minute >= weekly.from, isOvernight || minute < weekly.to { return true }
    return isOvernight && weekly.days.contains(yesterday) && minute < weekly.to
  }

  // MARK: The engine

  private func now() throws -> Timestamp {
    guard let clock = engine.clock else { throw Violation("the engine has no clock") }
    return clock
  }

  /// An alert is raised, whatever became of the last.
  private func raise() throws {
    for speed in [50, 5] {
      let at = try now() + 1000
      let payload = Array("{\"ts\":\(at.milliseconds),\"values\":{\"speed\":\(speed)}}".utf8)
      Array("thuong/v1/bac-giang/traffic/bg-tr-001/telemetry".utf8).withUnsafeBytes { topic in
        payload.withUnsafeBytes { engine.message(MessageInput(topic: topic, payload: $0), at: at) }
      }
    }
    try commit()
    try promise(engine.openAlerts.count == 1, "no alert is raised")
  }

  private func say(_ fields: [String: String]) throws -> CommandOutcome {
    let json = try JSONSerialization.data(withJSONObject: fields.merging(["by": "fuzz"]) { first, _ in first })
    return engine.command(Array(json), at: try now())
  }

  private func commit() throws { _ = try store.commit(engine, realNow: Self.start) }

  private func silences() throws -> [Silence] { try store.file.read { db in try SilenceTable.all(db) } }
}
