package import Readings

/// What the good readings of one span of time come to.
package struct Bucket: Hashable, Sendable {
  /// Its first millisecond.
  package var start: Int64
  package var count: Int64
  /// The nearest double of the exact sum: see `DecimalSum`.
  package var sum: Double
  package var min: Double
  package var max: Double
  /// Of the oldest and of the newest reading.
  package var first: Double
  package var last: Double

  package init(start: Int64, count: Int64, sum: Double, min: Double, max: Double, first: Double, last: Double) {
    (self.start, self.count, self.sum, self.min, self.max, self.first, self.last) = (start, count, sum, min, max, first, last)
  }
}

/// What is told of a bucket.
package enum AggregateFunction: String, CaseIterable, Sendable {
  case mean, min, max, sum, count, first, last

  /// What it is measured in.
  package func unit(of metric: String) -> String { self == .count ? "1" : metric }

  package func value(of bucket: Bucket) -> Double {
    switch self {
    case .mean: bucket.sum / Double(bucket.count)
    case .min: bucket.min
    case .max: bucket.max
    case .sum: bucket.sum
    case .count: Double(bucket.count)
    case .first: bucket.first
    case .last: bucket.last
    }
  }

  /// The value as it is told: sums and means of decimals have digits that nobody measured.
  package func shown(of bucket: Bucket, in scale: DecimalScale) -> Double { scale.shown(value(of: bucket)) }
}

/// Steps of one length, cut on absolute time: they begin at multiples of it from a midnight in Vietnam on, so that days are days there.
package struct Steps: Hashable, Sendable {
  /// Milliseconds; at least 1.
  package let length: Milliseconds
  private static let midnight = -VietnamTime.offset
  private static let farthest: Int64 = 1 << 60

  package init(length: Milliseconds) { self.length = max(1, length) }

  /// The beginning of the step that `ts` is in.
  package func start(of ts: Int64) -> Int64 { number(of: ts) * length + Self.midnight }

  package func number(of ts: Int64) -> Int64 {
    // No reading stands so far away; whoever asks for all of them may.
    let since = min(max(ts, -Self.farthest), Self.farthest) - Self.midnight
    let quotient = since / length
    return since < 0 && quotient * length != since ? quotient - 1 : quotient
  }

  package func range(_ number: Int64) -> Range<Int64> {
    let start = number * length + Self.midnight
    return start..<(start + length)
  }

  /// The whole steps that the range touches.
  package func rounded(_ range: Range<Int64>) -> Range<Int64> {
    guard !range.isEmpty else { return range }
    return start(of: range.lowerBound)..<(start(of: range.upperBound - 1) + length)
  }
}

extension Steps {
  /// The range in parts of whole steps, each as long as given or a little longer.
  package func windows(of range: Range<Int64>, atLeast length: Milliseconds) -> [Range<Int64>] {
    let all = rounded(range)
    let step = max(1, (length + self.length - 1) / self.length) * self.length
    return stride(from: all.lowerBound, to: all.upperBound, by: Int(step)).map { $0..<min($0 + step, all.upperBound) }
  }
}

/// Gathers readings, or finer buckets, of one series into buckets. They come in order of time.
package struct BucketBuilder: Sendable {
  private let steps: Steps
  private var finished: [Bucket] = []
  /// The one that is filled: it has a reading where `open.count` is above 0.
  private var open = Bucket(start: 0, count: 0, sum: 0, min: 0, max: 0, first: 0, last: 0)
  private var sum = DecimalSum()
  private var end = Int64.min

  /// - Parameter count: so many buckets may come.
  package init(_ steps: Steps, expecting count: Int = 0) {
    self.steps = steps
    finished.reserveCapacity(count)
  }

  /// The good ones of these.
  package mutating func add(_ chunk: SeriesChunk) { add(chunk, in: Int64.min..<Int64.max) }

  /// The good ones of these in the range.
  package mutating func add(_ chunk: SeriesChunk, in range: Range<Int64>) {
    let (first, count) = (chunk.times.count(before: range.lowerBound), chunk.times.count(before: range.upperBound))
    unsafe chunk.times.withUnsafeBufferPointer { times in
      unsafe chunk.column.values.withUnsafeBufferPointer { values in
        unsafe chunk.column.qualities.withUnsafeBufferPointer { qualities in
          // Safe: a chunk has as many values and qualities as times, and `count` is no more.
          for place in first..<max(first, count) where unsafe Quality(byte: qualities[place]).isGood && !values[place].isNaN {
            let value = unsafe values[place]
            unsafe add(at: times[place], count: 1, sum: value, min: value, max: value, first: value, last: value)
          }
        }
      }
    }
  }

  package mutating func add(_ finer: Bucket) {
    add(
      at: finer.start, count: finer.count, sum: finer.sum, min: finer.min, max: finer.max, first: finer.first, last: finer.last)
  }

  @inline(__always) private mutating func add(
    at ts: Int64, count: Int64, sum: Double, min: Double, max: Double, first: Double, last: Double
  ) {
    if ts >= end || open.count == 0 { begin(at: ts, first: first) }
    self.sum.add(sum)
    open.count += count
    if min < open.min { open.min = min }
    if max > open.max { open.max = max }
    open.last = last
  }

  private mutating func begin(at ts: Int64, first: Double) {
    close()
    let start = steps.start(of: ts)
    end = start + steps.length
    open = Bucket(start: start, count: 0, sum: 0, min: .infinity, max: -.infinity, first: first, last: first)
    sum = DecimalSum()
  }

  private mutating func close() {
    if open.count == 0 { return }
    open.sum = sum.value
    finished.append(open)
    open.count = 0
  }

  /// The buckets that have any reading, in order; the next ones begin anew.
  package mutating func finish() -> [Bucket] {
    close()
    end = .min
    defer { finished = [] }
    return finished
  }
}

extension [Int64] {
  /// How many of the rising numbers are below `t`.
  fileprivate func count(before t: Int64) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) >> 1
      if self[middle] < t { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
