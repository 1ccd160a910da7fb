package import DeviceRegistry

/// `where`: which devices a rule is for. Every part that is given must agree; a part agrees with any of its values.
package struct DeviceMatcher: Sendable {
  /// What may be named besides attributes.
  package enum Part: String, CaseIterable, Sendable {
    case domain, site, zone, ward, profile, device
  }

  package var parts: [Part: Set<String>] = [:]
  package var attributes: [String: Set<AttributeValue>] = [:]

  /// The ward is the device's latest: `07210`, or `07210@2025-07-01` where a code was used twice.
  package func matches(_ device: Device, profile: Profile) -> Bool {
    for (part, values) in parts where !values.contains(where: { Self.holds(part, $0, device, profile) }) { return false }
    for (name, values) in attributes {
      guard let value = device.attributes[name], values.contains(value) else { return false }
    }
    return true
  }

  private static func holds(_ part: Part, _ value: String, _ device: Device, _ profile: Profile) -> Bool {
    switch part {
    case .domain: return profile.domain == value
    case .site: return device.site == value
    case .zone: return device.zone == value
    case .profile: return profile.id == value
    case .device: return device.id == value
    case .ward:
      guard let ward = device.wards.last?.ward else { return false }
      return ward.code == value || "\(ward.code)@\(ward.validFrom)" == value
    }
  }

  /// The values that a registry knows for a part.
  static func known(_ part: Part, in registry: Registry) -> Set<String> {
    switch part {
    case .domain: Set(registry.profiles.map(\.domain))
    case .site: Set(registry.sites.map(\.id)).union(registry.devices.map(\.site))
    case .zone: Set(registry.devices.compactMap(\.zone))
    case .profile: Set(registry.profiles.map(\.id))
    case .device: Set(registry.devices.map(\.id))
    case .ward: Set(registry.devices.flatMap(\.wards).flatMap { [$0.ward.code, "\($0.ward.code)@\($0.ward.validFrom)"] })
    }
  }

  /// One text for one meaning, whatever the order in the file.
  var canonical: String {
    let named = parts.map { "\($0.key.rawValue)=\($0.value.sorted().joined(separator: "|"))" }
    let given = attributes.map { "attr.\($0.key)=\($0.value.map(Self.text).sorted().joined(separator: "|"))" }
    return (named + given).sorted().joined(separator: ";")
  }

  private static func text(_ value: AttributeValue) -> String {
    switch value {
    case .number(let number): "#\(number)"
    case .text(let text): text
    }
  }
}
