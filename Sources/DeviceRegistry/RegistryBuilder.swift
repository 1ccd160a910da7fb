package import Readings

/// Turns parsed files into a registry, noting every fault on its way.
struct RegistryBuilder {
  let faults: FaultList
  private var profiles: [Profile] = []
  private var sites: [Site] = []
  private var wards: [Ward] = []
  private var devices: [Device] = []
  private var profileIndex: [String: Int] = [:]
  private var deviceIDs: Set<String> = []

  init(faults: FaultList) { self.faults = faults }

  /// Goes on from what is registered already, with these of its devices.
  init(_ registry: Registry, devices: [Device], faults: FaultList) {
    (self.faults, profiles, sites, wards) = (faults, registry.profiles, registry.sites, Array(registry.wards.values))
    self.devices = devices
    profileIndex = Dictionary(uniqueKeysWithValues: profiles.enumerated().map { ($1.id, $0) })
    deviceIDs = Set(devices.map(\.id))
  }

  func registry() -> Registry { Registry(profiles: profiles, devices: devices, sites: sites, wards: wards) }

  // MARK: Profiles

  mutating func addProfile(_ file: YAMLValue) {
    guard let map = file.mapping(keys: ["id", "domain", "name", "interval", "codec", "metrics", "topic", "map"]),
      let id = required("id", in: map, of: file)?.identifier(),
      let domain = required("domain", in: map, of: file)?.identifier(),
      let interval = required("interval", in: map, of: file).flatMap(readInterval),
      let metrics = required("metrics", in: map, of: file).flatMap(readMetrics)
    else { return }
    guard profileIndex[id] == nil else { return file.fault("profile \(id) is defined twice") }
    let codec =
      map["codec"].flatMap {
        $0.word(["native": .native, "senml": .senml, "chirpstack": .chirpstack, "ttn": .ttn, "json": Profile.Codec.json])
      } ?? .native
    if codec != .native { map["codec"]?.fault("codec \(codec.rawValue) is not yet supported; use native") }
    if let topic = map["topic"] { topic.fault("a topic of its own is not yet supported; leave the key out") }
    let name = map["name"].flatMap { $0.bilingual() } ?? BilingualText(vi: id, en: id)
    profileIndex[id] = profiles.count
    profiles.append(Profile(id: id, domain: domain, name: name, interval: interval, codec: codec, metrics: metrics))
  }

  private func readInterval(_ value: YAMLValue) -> Milliseconds? {
    guard let interval = value.duration() else { return nil }
    if interval < 1000 { value.fault("an interval is at least 1s") }
    return interval
  }

  private func readMetrics(_ value: YAMLValue) -> [Metric]? {
    guard let entries = value.openMapping() else { return nil }
    if entries.isEmpty || entries.count > 64 { value.fault("a profile has 1 to 64 metrics") }
    return entries.compactMap { key, value in
      guard let name = key.text() else { return nil }
      guard Identifier.isMetric(name) else {
        key.fault("\"\(name)\" is no metric name: a lower-case letter, then lower-case letters, digits and \"_\"")
        return nil
      }
      return readMetric(name, value)
    }
  }

  private func readMetric(_ name: String, _ value: YAMLValue) -> Metric? {
    guard let map = value.mapping(keys: ["unit", "range", "resolution", "kind", "report", "values", "over_range"]),
      let unit = required("unit", in: map, of: value)?.text()
    else { return nil }
    var metric = Metric(name: name, unit: unit, scale: DecimalScale(decimals: 2))
    if let resolution = map["resolution"] {
      if let number = resolution.number(), let scale = DecimalScale(resolution: number) {
        metric.scale = scale
      } else {
        resolution.fault("a resolution is a positive number of at most nine decimals, such as 0.1")
      }
    }
    metric.range = map["range"].flatMap(readRange)
    metric.kind = map["kind"].flatMap { $0.word(["gauge": .gauge, "counter": Metric.Kind.counter]) } ?? .gauge
    metric.report = map["report"].flatMap { $0.word(["periodic": .periodic, "on_change": Metric.Report.onChange]) } ?? .periodic
    metric.usesOverRange = map["over_range"].flatMap { $0.word(["use": true]) } ?? false
    for (word, number) in map["values"]?.openMapping() ?? [] {
      if let word = word.text(), let number = number.number() { metric.words[word] = number }
    }
    return metric
  }

  private func readRange(_ value: YAMLValue) -> ClosedRange<Double>? {
    guard let ends = value.list(), ends.count == 2, let low = ends[0].number(), let high = ends[1].number(), low < high else {
      value.fault("a range is [lowest, highest]")
      return nil
    }
    return low...high
  }

  // MARK: Sites and wards

  mutating func addSites(_ file: YAMLValue) {
    for value in file.mapping(keys: ["sites"])?["sites"]?.list() ?? [] {
      guard let map = value.mapping(keys: ["id", "name", "location"]), let id = required("id", in: map, of: value)?.identifier() else {
        continue
      }
      if sites.contains(where: { $0.id == id }) { value.fault("site \(id) is defined twice") }
      sites.append(Site(id: id, name: map["name"]?.text() ?? id, location: map["location"].flatMap(readLocation)))
    }
  }

  mutating func addWards(_ file: YAMLValue) {
    for value in file.mapping(keys: ["wards"])?["wards"]?.list() ?? [] {
      guard let map = value.mapping(keys: ["code", "valid_from", "valid_to", "name", "successors"]), let id = readWardID(map, of: value)
      else { continue }
      let successors = (map["successors"]?.list() ?? []).compactMap { successor in
        successor.mapping(keys: ["code", "valid_from"]).flatMap { readWardID($0, of: successor) }
      }
      if wards.contains(where: { $0.id == id }) { value.fault("ward \(id.code) from \(id.validFrom) is defined twice") }
      wards.append(Ward(id: id, name: map["name"]?.text() ?? id.code, validTo: map["valid_to"].flatMap(readDay), successors: successors))
    }
  }

  private func readWardID(_ map: [String: YAMLValue], of value: YAMLValue) -> WardID? {
    guard let code = required("code", in: map, of: value)?.text(), let from = required("valid_from", in: map, of: value).flatMap(readDay)
    else { return nil }
    return WardID(code: code, validFrom: from)
  }

  private func readDay(_ value: YAMLValue) -> String? {
    guard let text = value.text(), text.utf8.count == 10, Timestamp(rfc3339: "\(text)T00:00:00+07:00") != nil else {
      value.fault("expected a day such as 2025-07-01, got \(value.shown)")
      return nil
    }
    return text
  }

  private func readLocation(_ value: YAMLValue) -> Location? {
    guard let map = value.mapping(keys: ["lat", "lon"]), let lat = required("lat", in: map, of: value)?.number(),
      let lon = required("lon", in: map, of: value)?.number()
    else { return nil }
    if !(-90...90).contains(lat) || !(-180...180).contains(lon) {
      value.fault("a location is lat -90 to 90 and lon -180 to 180, in degrees")
    }
    return Location(lat: lat, lon: lon)
  }

  // MARK: Devices

  private static let deviceKeys: Set<String> = [
    "id", "profile", "name", "site", "zone", "ward", "location", "attributes", "address", "source", "interval", "limits",
  ]

  mutating func addDevices(_ file: YAMLValue) {
    for value in file.mapping(keys: ["devices"])?["devices"]?.list() ?? [] { addDevice(value) }
  }

  /// - Parameter name: the device's id where the entry gives none.
  mutating func addDevice(_ value: YAMLValue, named name: String? = nil) {
    guard let map = value.mapping(keys: Self.deviceKeys),
      let id = map["id"] == nil && name != nil ? name : required("id", in: map, of: value)?.identifier(),
      let profileName = required("profile", in: map, of: value)?.identifier(),
      let site = required("site", in: map, of: value)?.identifier()
    else { return }
    guard deviceIDs.insert(id).inserted else { return value.fault("device \(id) is defined twice") }
    guard let profile = profileIndex[profileName] else {
      map["profile"]?.fault("no profile \(profileName); known: \(profileIndex.keys.sorted().joined(separator: ", "))")
      return
    }
    if !sites.contains(where: { $0.id == site }) { map["site"]?.fault("no site \(site) in sites.yaml") }
    devices.append(
      Device(
        id: id, profile: profile, name: map["name"]?.text() ?? id, site: site, zone: map["zone"]?.identifier(),
        wards: map["ward"].map(readWards) ?? [], location: map["location"].flatMap(readLocation),
        attributes: map["attributes"].map(readAttributes) ?? [:], address: map["address"]?.text()?.lowercased(),
        source: map["source"]?.text(),
        interval: map["interval"].flatMap(readInterval), limits: map["limits"].map(readNumbers) ?? [:]))
  }

  private func readWards(_ value: YAMLValue) -> [(since: Timestamp, ward: WardID)] {
    value.listOrOne().compactMap { entry in
      guard let map = entry.mapping(keys: ["code", "valid_from", "since"]), let id = readWardID(map, of: entry) else { return nil }
      if !wards.contains(where: { $0.id == id }) { entry.fault("no ward \(id.code) from \(id.validFrom) in wards.yaml") }
      let since = map["since"].flatMap(readDay) ?? id.validFrom
      return (Timestamp(rfc3339: "\(since)T00:00:00+07:00") ?? Timestamp(milliseconds: 0), id)
    }.sorted { $0.since < $1.since }
  }

  private func readAttributes(_ value: YAMLValue) -> [String: AttributeValue] {
    var found: [String: AttributeValue] = [:]
    for (key, value) in value.openMapping() ?? [] {
      guard let name = key.text(), let text = value.text() else { continue }
      found[name] = AttributeValue(text: text)
    }
    return found
  }

  private func readNumbers(_ value: YAMLValue) -> [String: Double] {
    var found: [String: Double] = [:]
    for (key, value) in value.openMapping() ?? [] {
      if let name = key.text(), let number = value.number() { found[name] = number }
    }
    return found
  }

  private func required(_ key: String, in map: [String: YAMLValue], of value: YAMLValue) -> YAMLValue? {
    if map[key] == nil { value.fault("\"\(key)\" is missing") }
    return map[key]
  }
}

extension YAMLValue {
  /// `{vi: …, en: …}`, or one text for both.
  package func bilingual() -> BilingualText? {
    if !isMapping { return text().map { BilingualText(vi: $0, en: $0) } }
    guard let map = mapping(keys: ["vi", "en"]) else { return nil }
    guard let vi = (map["vi"] ?? map["en"])?.text(), let en = (map["en"] ?? map["vi"])?.text() else {
      fault("expected {vi: …, en: …}")
      return nil
    }
    return BilingualText(vi: vi, en: en)
  }
}
