import Foundation
import Simulation

/// A store that keeps two hours: its file and write-ahead log, lap by lap, while a day goes through it.
struct RetentionBench {
  private static let lap = 2.0
  var hours: Double
  var scale: Double

  func run() throws {
    say(Machine.heading("retention: readings are kept for two hours, \(Shown.decimals(hours, 0)) hours go by"))
    guard BenchDay.isHere else { return say("  the benchmark day is not here") }
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    var replay = try Replay(in: directory.path)
    let configuration = "\(directory.path)/thuong.yaml"
    try "data: {retention: {raw: 2h, 15m: 2h, 1h: 2h, 1d: 2h}}\n".write(toFile: configuration, atomically: true, encoding: .utf8)
    replay.configuration = configuration
    let trace = "\(directory.path)/day.ndjson"
    try BenchDay.writeTrace(to: trace, hours: hours, scale: scale)
    let store = "\(directory.path)/store"
    var sizes: [(at: Int64, bytes: Double)] = []
    let begun = Machine.nanoseconds
    try replay.run(trace, into: store) {
      let files = ["thuong.sqlite", "thuong.sqlite-wal"].compactMap { try? FileManager.default.attributesOfItem(atPath: "\(store)/\($0)") }
      sizes.append((Machine.nanoseconds, files.reduce(0) { $0 + (($1[.size] as? NSNumber)?.doubleValue ?? 0) }))
    }
    // The day goes by evenly: a lap is its part of the time.
    let laps = Int(hours / Self.lap)
    let length = Double((sizes.last?.at ?? begun) - begun) / Double(laps)
    let largest = (0..<laps).map { lap in
      sizes.filter { Int(Double($0.at - begun) / length) == lap }.map(\.bytes).max() ?? 0
    }
    say("  MB at most, lap by lap: \(largest.map { Shown.decimals($0 / 1_048_576, 1) }.joined(separator: " "))")
    let steady = largest.dropFirst()
    let spread = ((steady.max() ?? 0) - (steady.min() ?? 0)) / max(1, steady.min() ?? 1)
    Budgets.tell("retention/spread", spread * 100, places: 1)
    let half = steady.count / 2
    let (early, late) = (Samples(Array(steady.prefix(half))).median, Samples(Array(steady.suffix(half))).median)
    say("  median of the later laps over that of the earlier: \(Shown.decimals(late / early, 3))")
  }
}
