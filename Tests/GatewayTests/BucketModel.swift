import Foundation
import Readings
import SeriesStore

/// What the readings of some series come to, from plain dictionaries and whole numbers.
struct BucketModel {
  /// What a device says of one metric at one instant, in thousandths; nil: nothing was measured.
  struct Reading: Equatable {
    var thousandths: Int64?
    var status: String

    var isGood: Bool { status == "00" && thousandths != nil }
    var value: Double { thousandths.map { Double($0) / 1000 } ?? .nan }
  }

  /// A step, and the values of all functions in their order.
  struct Point: Equatable {
    var start: Int64
    var values: [Double]
  }

  /// By series, `device/metric`, then by ts.
  private(set) var series: [String: [Int64: Reading]] = [:]

  /// The first reading of a ts stands; null while measuring is nothing.
  mutating func insert(_ name: String, _ ts: Int64, _ reading: Reading) {
    if reading.thousandths == nil, reading.status == "00" { return }
    if series[name]?[ts] == nil { series[name, default: [:]][ts] = reading }
  }

  /// From before the first to after the last reading of all.
  var extent: Range<Int64> {
    let times = series.values.flatMap(\.keys)
    return (times.min() ?? 0)..<((times.max() ?? 0) + 1)
  }

  /// The number of the step: days begin at midnight in Vietnam.
  static func number(_ ts: Int64, _ step: Int64) -> Int64 { Int64((Double(ts + 25_200_000) / Double(step)).rounded(.down)) }

  private struct Step {
    var count: Int64 = 0
    var sum: Int64 = 0
    var min = Int64.max
    var max = Int64.min
    var first = (ts: Int64.max, value: Int64(0))
    var last = (ts: Int64.min, value: Int64(0))

    mutating func add(_ ts: Int64, _ value: Int64) {
      count += 1
      sum += value
      min = Swift.min(min, value)
      max = Swift.max(max, value)
      if ts < first.ts { first = (ts, value) }
      if ts > last.ts { last = (ts, value) }
    }

    func value(_ function: AggregateFunction) -> Double {
      switch function {
      case .mean: Double(sum) / 1000 / Double(count)
      case .min: Double(min) / 1000
      case .max: Double(max) / 1000
      case .sum: Double(sum) / 1000
      case .count: Double(count)
      case .first: Double(first.value) / 1000
      case .last: Double(last.value) / 1000
      }
    }
  }

  /// - Parameter range: is widened to whole steps.
  func points(_ name: String, in range: Range<Int64>, step: Int64) -> [Point] {
    if range.isEmpty { return [] }
    let numbers = Self.number(range.lowerBound, step)...Self.number(range.upperBound - 1, step)
    var steps: [Int64: Step] = [:]
    for (ts, reading) in series[name] ?? [:] where reading.isGood {
      let number = Self.number(ts, step)
      if numbers.contains(number), let value = reading.thousandths { steps[number, default: Step()].add(ts, value) }
    }
    return steps.sorted { $0.key < $1.key }.map { number, sum in
      Point(start: number * step - 25_200_000, values: AggregateFunction.allCases.map(sum.value))
    }
  }
}
