import DeviceRegistry
import Readings
import SeriesStore

/// What is asked of series step by step: `step`, `fn`, `from`, `to`.
struct StepsRequest: Sendable {
  var steps: Steps
  var function: AggregateFunction
  /// Widened to whole steps.
  var range: Range<Int64>

  static let lengthMax: Milliseconds = 3650 * 86_400_000

  /// Nil where no step is asked for.
  init?(_ query: Query) throws(Problem) {
    let function = try query.word("fn", of: AggregateFunction.allCases.map(\.rawValue)).flatMap(AggregateFunction.init)
    guard let text = query["step"] else {
      if function != nil { throw .badQuery("fn needs a step, such as step=15m") }
      return nil
    }
    guard let length = DurationText.milliseconds(text), (1000...Self.lengthMax).contains(length) else {
      throw .badQuery("step must be a duration from 1s to 3650d, such as 5m, 1h or 1d")
    }
    if query["status"] != nil { throw .badQuery("status is for readings: steps are of good ones alone; leave step or status out") }
    let from = try query.time("from")?.milliseconds ?? Timestamp.plausible.lowerBound
    let to = try query.time("to")?.milliseconds ?? Timestamp.plausible.upperBound + 1
    guard from <= to else { throw .badQuery("from is later than to") }
    (steps, self.function) = (Steps(length: length), function ?? .mean)
    range = steps.rounded(from..<to)
  }

  /// How many steps there are.
  var count: Int64 { (range.upperBound - range.lowerBound) / steps.length }
}

extension JSONWriter {
  /// `[[start, value], …]`.
  mutating func points(_ buckets: [Bucket], _ function: AggregateFunction, _ scale: DecimalScale) {
    for bucket in buckets {
      array { json in
        json.value(bucket.start)
        json.value(function.shown(of: bucket, in: scale))
      }
    }
  }
}
