import DeviceRegistry
import Gateway
import Readings
import SeriesStore

/// `/api/v1/series`: which series there are, and the readings of one.
struct SeriesRoutes: Sendable {
  static let limitMax = 1000
  static let limitUsual = 500
  static let pointsMax = 10_000
  static let pointsUsual = 1000
  /// Points of a list at most.
  static let stepsMax: Int64 = 200_000
  static let listKeys = ["limit", "after", "domain", "metric", "from", "to", "step", "fn"]
  static let pointKeys = ["from", "to", "limit", "after", "status", "format", "step", "fn"]

  let gateway: GatewayService

  /// In order of device, then as the profile lists its metrics; those of one domain or one metric, where that is asked for. With `step`,
  /// what the readings of each come to.
  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let wanted = try StepsRequest(call.query)
    if let wanted, wanted.count * Int64(limit) > Self.stepsMax {
      throw Problem.badQuery(
        "\(wanted.count) steps of up to \(limit) series are more than \(Self.stepsMax) points: give from and to, or a lower limit")
    }
    let registry = gateway.registry
    var place =
      try call.query.cursor(.series).map { fields throws(Problem) in try self.place(after: fields, registry) }
      ?? Place(device: 0, metric: 0)
    var last: Cursor?
    var found: [(device: Device, metric: Metric)] = []
    while place.device < registry.devices.count, found.count < limit {
      let (device, metrics) = (registry.devices[place.device], registry.profile(of: place.device).metrics)
      guard place.metric < metrics.count else {
        place = Place(device: place.device + 1, metric: 0)
        continue
      }
      if isAskedFor(place, call.query, registry) {
        found.append((device, metrics[place.metric]))
        last = Cursor(.series, device.id, metrics[place.metric].name)
      }
      place.metric += 1
    }
    let next = hasMore(from: place, registry) ? last : nil
    guard let wanted else { return .list(next: next) { json in for (device, metric) in found { write(device, metric, to: &json) } } }
    let names = found.map { GatewayService.SeriesName(device: $0.device.id, metric: $0.metric.name) }
    let all = try await buckets(of: names, in: wanted.range, steps: wanted.steps, limit: Int(wanted.count)).buckets
    return .list(next: next) { json in
      for (series, buckets) in zip(found, all) { write(series.device, series.metric, buckets, wanted.function, to: &json) }
    }
  }

  private func isAskedFor(_ place: Place, _ query: Query, _ registry: Registry) -> Bool {
    let profile = registry.profile(of: place.device)
    return query["domain"].map { $0 == profile.domain } ?? true && query["metric"].map { $0 == profile.metrics[place.metric].name } ?? true
  }

  private struct Place {
    var device: Int
    var metric: Int
  }

  private func place(after fields: [String], _ registry: Registry) throws(Problem) -> Place {
    guard let device = registry.deviceIndex(fields[0]), let metric = registry.profile(of: device).metricIndex(fields[1]) else {
      throw .badCursor
    }
    return Place(device: device, metric: metric + 1)
  }

  private func hasMore(from place: Place, _ registry: Registry) -> Bool {
    guard place.device < registry.devices.count else { return false }
    if place.metric < registry.profile(of: place.device).metrics.count { return true }
    return registry.devices.indices.dropFirst(place.device + 1).contains { !registry.profile(of: $0).metrics.isEmpty }
  }

  private func write(
    _ device: Device, _ metric: Metric, _ buckets: [Bucket]? = nil, _ function: AggregateFunction = .mean, to json: inout JSONWriter
  ) {
    json.object { json in
      json.field("device", device.id)
      json.field("metric", metric.name)
      json.field("unit", buckets == nil ? metric.unit : function.unit(of: metric.unit))
      if let buckets { json.field("points", array: { json in json.points(buckets, function, metric.scale) }) }
    }
  }

  /// The readings of one series in [from, to), oldest first: good ones, or with `status=all` every one and its status; or, with `step`,
  /// what they come to in each.
  func points(_ call: Call) async throws -> Answer {
    let registry = gateway.registry
    guard let index = registry.deviceIndex(call.segment("device")) else { throw Problem.notFound("no device of this id is registered") }
    let profile = registry.profile(of: index)
    guard let metric = profile.metricIndex(call.segment("metric")).map({ profile.metrics[$0] }) else {
      throw Problem.notFound("this device has no such metric; it has \(profile.metrics.map(\.name).joined(separator: ", "))")
    }
    let page = SeriesPage(
      name: .init(device: registry.devices[index].id, metric: metric.name), unit: metric.unit, scale: metric.scale,
      isCSV: try call.query.word("format", of: ["json", "csv"]) == "csv")
    if let wanted = try StepsRequest(call.query) { return try await steps(wanted, call.query, page) }
    let wanted = try PointsRequest(call.query, device: page.name.device, metric: page.name.metric)
    let found = try await PointsPage.read(wanted, from: gateway)
    return page.answer(found.readings, withStatus: wanted.all, next: found.next)
  }

  private func steps(_ wanted: StepsRequest, _ query: Query, _ page: SeriesPage) async throws -> Answer {
    let limit = try query.limit(most: Self.pointsMax, usual: Self.pointsUsual)
    var range = wanted.range
    if let cursor = try query.cursor(.points) {
      guard let start = Int64(cursor[0]), Timestamp.plausible.contains(start) else { throw Problem.badCursor }
      range = min(max(range.lowerBound, start), range.upperBound)..<range.upperBound
    }
    let found = try await buckets(of: [page.name], in: range, steps: wanted.steps, limit: limit)
    let next = found.rest.map { Cursor(.points, String($0.milliseconds)) }
    return page.answer(found.buckets[0], wanted.function, next: next)
  }

  private func buckets(
    of names: [GatewayService.SeriesName], in range: Range<Int64>, steps: Steps, limit: Int
  ) async throws -> (buckets: [[Bucket]], rest: Timestamp?) {
    try await WriterQuestion.ask { [gateway] in
      do {
        return Result<_, any Error>.success(try await gateway.buckets(of: names, in: range, steps: steps, limit: limit))
      } catch {
        return .failure(error)
      }
    }.get()
  }
}
