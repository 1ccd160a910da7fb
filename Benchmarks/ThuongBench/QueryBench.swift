import Database
import Foundation
import Gateway
import Readings
import SeriesStore
import Simulation

/// One question to a store, in a process that has asked nothing before: 24 hours of 200 series at 5-minute means, and a week's worth of
/// others that rollups answer.
struct QueryBench {
  static let metric = "pm25"
  var data: String

  func run() throws {
    let opened = Machine.nanoseconds
    let stored = try StoredReadings(directory: data, priority: .niced)
    let wanted = stored.series.filter { $0.metric == Self.metric }.map(\.id)
    let begun = Machine.nanoseconds
    let range = BenchDay.start..<(BenchDay.start + 86_400_000)
    let means = try stored.buckets(of: wanted, in: range, steps: Steps(length: 300_000))
    let raw = Machine.nanoseconds
    let hours = try stored.buckets(of: wanted, in: range, steps: Steps(length: 3_600_000))
    let ended = Machine.nanoseconds
    _ = try stored.buckets(of: wanted, in: range, steps: Steps(length: 300_000))
    let again = Machine.nanoseconds
    let points = means.reduce(0) { $0 + $1.count } + hours.reduce(0) { $0 + $1.count }
    say("query \(wanted.count) \(points) \(begun - opened) \(raw - begun) \(ended - raw) \(again - ended)")
  }

  /// Of that many fresh processes: milliseconds to open, to ask for 5-minute means, and for hourly ones; medians.
  static func measure(_ data: String, rounds: Int = 5) throws -> (series: Int, open: Double, means: Double, hours: Double) {
    var series = 0
    var times: [[Double]] = [[], [], []]
    for _ in 0..<rounds {
      let child = try ChildLines(["query", "--data", data])
      let fields = try child.fields(after: "query")
      guard fields.count == 6 else { throw BenchFailure("a child said too little") }
      series = Int(fields[0])
      for place in 0..<3 { times[place].append(fields[2 + place] / 1e6) }
      child.process.wait()
    }
    return (series, Samples(times[0]).median, Samples(times[1]).median, Samples(times[2]).median)
  }
}
