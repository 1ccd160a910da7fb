import DeviceRegistry
import Gateway
import Readings

/// `/api/v1/series`: which series there are, and the readings of one.
struct SeriesRoutes: Sendable {
  static let limitMax = 1000
  static let limitUsual = 500
  static let pointsMax = 10_000
  static let pointsUsual = 1000
  static let pointKeys = ["from", "to", "limit", "after", "status", "format", "step", "fn"]

  let gateway: GatewayService

  /// In order of device, then as the profile lists its metrics.
  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    var place = try call.query.cursor(.series).map(place(after:)) ?? Place(device: 0, metric: 0)
    let registry = gateway.registry
    var last: Cursor?
    var found: [(device: Device, metric: Metric)] = []
    while place.device < registry.devices.count, found.count < limit {
      let (device, metrics) = (registry.devices[place.device], registry.profile(of: place.device).metrics)
      guard place.metric < metrics.count else {
        place = Place(device: place.device + 1, metric: 0)
        continue
      }
      found.append((device, metrics[place.metric]))
      last = Cursor(.series, device.id, metrics[place.metric].name)
      place.metric += 1
    }
    return .list(next: hasMore(from: place) ? last : nil) { json in
      for (device, metric) in found { write(device, metric, to: &json) }
    }
  }

  private struct Place {
    var device: Int
    var metric: Int
  }

  private func place(after fields: [String]) throws(Problem) -> Place {
    guard let device = gateway.registry.deviceIndex(fields[0]), let metric = gateway.registry.profile(of: device).metricIndex(fields[1])
    else { throw .badCursor }
    return Place(device: device, metric: metric + 1)
  }

  private func hasMore(from place: Place) -> Bool {
    let registry = gateway.registry
    guard place.device < registry.devices.count else { return false }
    if place.metric < registry.profile(of: place.device).metrics.count { return true }
    return registry.devices.indices.dropFirst(place.device + 1).contains { !registry.profile(of: $0).metrics.isEmpty }
  }

  private func write(_ device: Device, _ metric: Metric, to json: inout JSONWriter) {
    json.object { json in
      json.field("device", device.id)
      json.field("metric", metric.name)
      json.field("unit", metric.unit)
    }
  }

  /// The readings of one series in [from, to), oldest first: good ones, or with `status=all` every one and its status.
  func points(_ call: Call) async throws -> Answer {
    let registry = gateway.registry
    guard let index = registry.deviceIndex(call.segment("device")) else { throw Problem.notFound("no device of this id is registered") }
    let profile = registry.profile(of: index)
    guard let metric = profile.metricIndex(call.segment("metric")) else {
      throw Problem.notFound("this device has no such metric; it has \(profile.metrics.map(\.name).joined(separator: ", "))")
    }
    let wanted = try PointsRequest(call.query, device: registry.devices[index].id, metric: profile.metrics[metric].name)
    let page = try await PointsPage.read(wanted, from: gateway)
    var json = JSONWriter(reserving: 64 + page.readings.count * 24)
    json.object { json in
      json.field("device", wanted.device)
      json.field("metric", wanted.metric)
      json.field("unit", profile.metrics[metric].unit)
      json.field("points", array: { json in for reading in page.readings { write(reading, withStatus: wanted.all, to: &json) } })
      json.field("next", page.next?.text)
    }
    return .json(json)
  }

  private func write(_ reading: Reading, withStatus: Bool, to json: inout JSONWriter) {
    json.array { json in
      json.value(reading.ts.milliseconds)
      if reading.hasValue { json.value(reading.value) } else { json.null() }
      if withStatus { json.value(reading.quality.text) }
    }
  }
}
