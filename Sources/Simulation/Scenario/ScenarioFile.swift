package import DeviceRegistry
package import Foundation
import Readings

/// Reads a scenario of `Simulator/` and checks it against the registered devices.
package enum ScenarioFile {
  /// - Throws: `FileFaults` with every fault of the file, each with line and column.
  package static func load(_ file: URL, registry: Registry) throws(FileFaults) -> Scenario {
    let faults = FaultList()
    let scenario = TextFiles.yaml(file, faults: faults).flatMap { ScenarioReader(registry: registry).read($0) }
    try faults.throwIfAny()
    guard let scenario else { throw FileFaults([FileFault(file: file.relativePath, message: "no scenario")]) }
    return scenario
  }

  /// The same from a text, which messages call `name`.
  package static func parse(_ text: String, name: String, registry: Registry) throws(FileFaults) -> Scenario {
    let faults = FaultList()
    let scenario = YAMLValue(text: text, file: name, faults: faults).flatMap { ScenarioReader(registry: registry).read($0) }
    try faults.throwIfAny()
    guard let scenario else { throw FileFaults([FileFault(file: name, message: "no scenario")]) }
    return scenario
  }
}

private struct ScenarioReader {
  let registry: Registry

  func read(_ file: YAMLValue) -> Scenario? {
    guard let map = file.mapping(keys: ["name", "start", "for", "seed", "devices", "noise", "latency", "weather", "incidents"]) else {
      return nil
    }
    guard let name = required("name", map, file)?.bilingual(), let start = required("start", map, file).flatMap(readInstant) else {
      return nil
    }
    var scenario = Scenario(name: name, start: start)
    if let length = map["for"]?.duration() { scenario.length = length }
    if scenario.length == 0 { map["for"]?.fault("a scenario lasts longer than nothing") }
    if let seed = map["seed"]?.integer(in: 0...Int.max) { scenario.seed = UInt64(seed) }
    if let noise = map["noise"] { scenario.noise = read(noise, in: 0...10) ?? 1 }
    if let selection = map["devices"] { scenario.selection = readSelection(selection) }
    if let latency = map["latency"] { scenario.latency = readLatency(latency) ?? scenario.latency }
    if let weather = map["weather"] { scenario.weather = readWeather(weather) }
    for value in map["incidents"]?.list() ?? [] {
      guard let incident = readIncident(value, scenario.selection) else { continue }
      if scenario.incidents.contains(where: { $0.id == incident.id }) { value.fault("incident \(incident.id) is defined twice") }
      scenario.incidents.append(incident)
    }
    return scenario
  }

  private func readInstant(_ value: YAMLValue) -> Timestamp? {
    guard let text = value.text(), let instant = Timestamp(rfc3339: text), Timestamp.plausible.contains(instant.milliseconds) else {
      value.fault("expected an instant such as 2025-11-21T06:30:00+07:00, got \(value.shown)")
      return nil
    }
    return instant
  }

  private func readLatency(_ value: YAMLValue) -> ClosedRange<Milliseconds>? {
    guard let ends = value.list(), ends.count == 2, let low = ends[0].duration(), let high = ends[1].duration(), low <= high, high <= 10_000
    else {
      value.fault("a latency is [least, most], at most 10s, such as [40ms, 900ms]")
      return nil
    }
    return low...high
  }

  private func readWeather(_ value: YAMLValue) -> WeatherKnobs {
    var knobs = WeatherKnobs()
    guard let map = value.mapping(keys: ["temperature", "wind", "rain", "pressure"]) else { return knobs }
    if let temperature = map["temperature"] { knobs.temperature = read(temperature, in: 0...45) }
    if let wind = map["wind"] { knobs.wind = read(wind, in: 0...40) ?? knobs.wind }
    if let rain = map["rain"] { knobs.rain = read(rain, in: 0...150) ?? 0 }
    if let pressure = map["pressure"] { knobs.pressure = read(pressure, in: 900...1060) }
    return knobs
  }

  private func readSelection(_ value: YAMLValue) -> DeviceSelection {
    var selection = DeviceSelection()
    guard let map = value.mapping(keys: ["site", "domain", "device"]) else { return selection }
    selection.sites = names(map["site"], among: registry.sites.map(\.id), what: "site")
    selection.domains = names(map["domain"], among: registry.domains, what: "domain")
    selection.devices = names(map["device"], among: registry.devices.map(\.id), what: "device")
    return selection
  }

  private func names(_ value: YAMLValue?, among known: [String], what: String) -> [String] {
    (value?.listOrOne() ?? []).compactMap { entry in
      guard let name = entry.text() else { return nil }
      if !known.contains(name) { entry.fault("no \(what) \(name) is registered\(nearest(to: name, among: known))") }
      return name
    }
  }

  private func nearest(to name: String, among known: [String]) -> String {
    let alike = known.filter { $0.hasPrefix(name.prefix(3)) }.prefix(8)
    return alike.isEmpty ? "" : "; near it: \(alike.joined(separator: ", "))"
  }

  private func readIncident(_ value: YAMLValue, _ selection: DeviceSelection) -> Incident? {
    guard let map = value.mapping(keys: ["id", "kind", "devices", "from", "for", "ramp", "strength", "expect"]),
      let id = required("id", map, value)?.identifier(), let kind = required("kind", map, value).flatMap(readKind),
      let devices = required("devices", map, value)?.listOrOne(), let from = required("from", map, value)?.duration(),
      let length = required("for", map, value)?.duration()
    else { return nil }
    if length == 0 { map["for"]?.fault("an incident lasts longer than nothing") }
    if devices.isEmpty { map["devices"]?.fault("an incident concerns at least one device") }
    let ramp = map["ramp"]?.duration() ?? 0
    if ramp * 2 > length { map["ramp"]?.fault("a ramp is at most half of the incident's length, since it rises and falls") }
    let expect = (map["expect"]?.listOrOne() ?? []).compactMap { $0.identifier() }
    return Incident(
      id: id, kind: kind, devices: devices.compactMap { readDevice($0, kind, selection) }, from: from, length: length, ramp: ramp,
      strength: map["strength"].map { read($0, in: 0...10) ?? 1 } ?? 1, expect: expect)
  }

  private func readKind(_ value: YAMLValue) -> IncidentKind? {
    guard let kind = value.string.flatMap(IncidentKind.init) else {
      value.fault("no such kind \(value.shown); known: \(IncidentKind.allCases.map(\.rawValue).joined(separator: ", "))")
      return nil
    }
    return kind
  }

  private func readDevice(_ value: YAMLValue, _ kind: IncidentKind, _ selection: DeviceSelection) -> String? {
    guard let id = value.identifier() else { return nil }
    guard let index = registry.deviceIndex(id) else {
      value.fault("no device \(id) is registered\(nearest(to: id, among: registry.devices.map(\.id)))")
      return nil
    }
    let profile = registry.profile(of: index)
    if !selection.contains(id: id, site: registry.devices[index].site, domain: profile.domain) {
      value.fault("device \(id) takes no part in this scenario; see \"devices\" above")
    }
    if let (domains, metric) = kind.shownBy, !domains.contains(profile.domain) || profile.metricIndex(metric) == nil {
      value.fault(
        "device \(id) (\(profile.id)) cannot show \(kind.rawValue): it takes a device of \(domains.joined(separator: " or ")) with \(metric)"
      )
    }
    return id
  }

  private func read(_ value: YAMLValue, in range: ClosedRange<Double>) -> Double? {
    guard let number = value.number() else { return nil }
    if !range.contains(number) { value.fault("expected a number from \(range.lowerBound) to \(range.upperBound), got \(value.shown)") }
    return number
  }

  private func required(_ key: String, _ map: [String: YAMLValue], _ value: YAMLValue) -> YAMLValue? {
    if map[key] == nil { value.fault("\"\(key)\" is missing") }
    return map[key]
  }
}
