import Gateway
import Readings

/// What is asked of one series.
struct PointsRequest: Sendable {
  var device: String
  var metric: String
  var from: Timestamp
  /// Not itself included.
  var to: Timestamp
  var limit: Int
  /// With readings that are not good.
  var all: Bool

  init(_ query: Query, device: String, metric: String) throws(Problem) {
    (self.device, self.metric) = (device, metric)
    limit = try query.limit(most: SeriesRoutes.pointsMax, usual: SeriesRoutes.pointsUsual)
    all = try query.word("status", of: ["all", "good"]) == "all"
    from = try query.time("from") ?? Timestamp(milliseconds: Timestamp.plausible.lowerBound)
    to = try query.time("to") ?? Timestamp(milliseconds: Timestamp.plausible.upperBound + 1)
    guard from <= to else { throw .badQuery("from is later than to") }
    if let cursor = try query.cursor(.points) {
      guard let last = Int64(cursor[0]), Timestamp.plausible.contains(last) else { throw .badCursor }
      from = max(from, Timestamp(milliseconds: last + 1))
    }
  }
}

/// Some readings of a series, and where the next page begins.
struct PointsPage: Sendable {
  /// Readings asked for at a time: the writer copies those that are in memory between two batches.
  static let scan = 10_000
  /// Scans for one page; a page over a long fault may then be short, even empty, but has a next one.
  static let scansMax = 20

  var readings: [Reading] = []
  var next: Cursor?

  static func read(_ wanted: PointsRequest, from gateway: GatewayService) async throws -> PointsPage {
    var page = PointsPage()
    var start = wanted.from
    for _ in 0..<scansMax {
      guard start < wanted.to else { return page }
      let size = min(scan, max(wanted.limit - page.readings.count + 1, 1000))
      let answer = try await WriterQuestion.ask { [start] in
        do {
          return Result<[Reading]?, any Error>.success(
            try await gateway.points(device: wanted.device, metric: wanted.metric, from: start, to: wanted.to, limit: size))
        } catch {
          return .failure(error)
        }
      }
      guard let found = try answer.get() else { throw Problem.notFound("no such series is registered") }
      if page.take(found, wanted) { return page }
      guard found.count == size, let last = found.last else { return page }
      start = last.ts + 1
    }
    page.next = Cursor(.points, String((start - 1).milliseconds))
    return page
  }

  /// Adds what belongs to the page; true where it is full and more is there.
  private mutating func take(_ found: [Reading], _ wanted: PointsRequest) -> Bool {
    for reading in found where wanted.all || reading.quality.isGood {
      guard readings.count < wanted.limit else {
        next = readings.last.map { Cursor(.points, String($0.ts.milliseconds)) }
        return true
      }
      readings.append(reading)
    }
    return false
  }
}
