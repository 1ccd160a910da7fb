import DeviceRegistry
import Gateway
import Readings

/// `/api/v1/devices`: what is registered, with the newest reading of each metric.
struct DeviceRoutes: Sendable {
  static let limitMax = 500
  static let limitUsual = 100

  let gateway: GatewayService

  /// In order of id.
  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let registry = gateway.registry
    let after = try call.query.cursor(.devices)
    let start = after.map { after in registry.devices.firstIndex { $0.id > after[0] } ?? registry.devices.count } ?? 0
    let page = Array(registry.devices[start...].prefix(limit))
    let found = try await newest(of: page.map(\.id))
    let next = start + page.count < registry.devices.count ? page.last.map { Cursor(.devices, $0.id) } : nil
    return .list(next: next) { json in
      for (device, latest) in zip(page, found.latest) { write(device, latest, registry, at: found.clock, to: &json) }
    }
  }

  func one(_ call: Call) async throws -> Answer {
    let registry = gateway.registry
    guard let index = registry.deviceIndex(call.segment("id")) else { throw Problem.notFound("no device of this id is registered") }
    let device = registry.devices[index]
    let found = try await newest(of: [device.id])
    var json = JSONWriter()
    write(device, found.latest[0], registry, at: found.clock, to: &json)
    return .json(json)
  }

  /// The newest readings of the devices, each by its profile's order of metrics, and the clock.
  private func newest(of devices: [String]) async throws -> (latest: [[Reading?]], clock: Timestamp) {
    try await WriterQuestion.ask { [writer = gateway.writer] in
      var found: [[Reading?]] = []
      for device in devices { found.append(await writer.latest(device: device) ?? []) }
      return (found, await writer.status().clock ?? LiveClock.wall)
    }
  }

  private func write(_ device: Device, _ latest: [Reading?], _ registry: Registry, at clock: Timestamp, to json: inout JSONWriter) {
    let profile = registry.profiles[device.profile]
    json.object { json in
      json.field("id", device.id)
      json.field("name", device.name)
      json.field("profile", profile.id)
      json.field("domain", profile.domain)
      json.field("site", device.site)
      json.field("zone", device.zone)
      write(device.ward(at: clock), registry, to: &json)
      write(device.location, to: &json)
      json.field(
        "metrics",
        array: { json in
          for (place, metric) in profile.metrics.enumerated() {
            json.object { json in
              json.field("name", metric.name)
              json.field("unit", metric.unit)
              write(place < latest.count ? latest[place] : nil, to: &json)
            }
          }
        })
    }
  }

  private func write(_ ward: WardID?, _ registry: Registry, to json: inout JSONWriter) {
    guard let ward else { return json.fieldNull("ward") }
    json.field(
      "ward",
      object: { json in
        json.field("code", ward.code)
        json.field("valid_from", ward.validFrom)
        json.field("name", registry.wards[ward]?.name)
      })
  }

  private func write(_ location: Location?, to json: inout JSONWriter) {
    guard let location else { return json.fieldNull("location") }
    json.field(
      "location",
      object: { json in
        json.field("lat", location.lat)
        json.field("lon", location.lon)
      })
  }

  private func write(_ latest: Reading?, to json: inout JSONWriter) {
    guard let latest else { return json.fieldNull("latest") }
    json.field(
      "latest",
      object: { json in
        json.field("ts", latest.ts.milliseconds)
        json.field("value", latest.hasValue ? latest.value : nil)
        json.field("status", latest.quality.text)
      })
  }
}
