import Foundation

/// What a benchmark says of a list of samples.
struct Samples {
  private let sorted: [Double]

  init(_ values: [Double]) { sorted = values.sorted() }

  var count: Int { sorted.count }
  var median: Double { sorted.isEmpty ? .nan : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2 }
  var largest: Double { sorted.last ?? .nan }
  /// The nearest rank.
  func percentile(_ p: Double) -> Double { sorted.isEmpty ? .nan : sorted[max(0, Int((p / 100 * Double(sorted.count)).rounded(.up)) - 1)] }
}

/// A failure of the benchmark itself.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Numbers as the tables show them.
enum Shown {
  static func rate(_ value: Double) -> String { padded(String(format: "%.0f", value), 9) }
  static func decimals(_ value: Double, _ places: Int, width: Int = 0) -> String { padded(String(format: "%.\(places)f", value), width) }
  static func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}

/// A line for people, shown at once also where standard output is a pipe.
func say(_ line: String) {
  print(line)
  fflush(nil)
}
