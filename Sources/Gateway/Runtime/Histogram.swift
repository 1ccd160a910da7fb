/// Durations in buckets that double, for percentiles and the Prometheus text. Bounded memory, one addition a record.
package struct Histogram: Sendable {
  /// Upper bounds in nanoseconds: 16 µs, doubling to 17 s.
  package static let bounds: [Int64] = (0..<21).map { 16_384 << Int64($0) }
  package private(set) var counts = [Int64](repeating: 0, count: bounds.count + 1)
  package private(set) var sumNanoseconds: Int64 = 0
  package private(set) var count: Int64 = 0

  mutating func record(nanoseconds: Int64) {
    counts[Self.bounds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count] += 1
    sumNanoseconds += nanoseconds
    count += 1
  }
}
