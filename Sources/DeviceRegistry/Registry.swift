package import Readings

/// Everything registered, as one immutable value: profiles, devices, sites and wards, each with a dense index.
package final class Registry: Sendable {
  package let profiles: [Profile]
  /// In order of id, so that "rules in order of (rule id, subject)" is an order of indices.
  package let devices: [Device]
  package let sites: [Site]
  package let wards: [WardID: Ward]
  private let byID: [String: Int]

  package init(profiles: [Profile], devices: [Device], sites: [Site], wards: [Ward]) {
    self.profiles = profiles
    self.devices = devices.sorted { $0.id < $1.id }
    self.sites = sites.sorted { $0.id < $1.id }
    self.wards = Dictionary(wards.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    byID = Dictionary(uniqueKeysWithValues: self.devices.enumerated().map { ($1.id, $0) })
  }

  package static let empty = Registry(profiles: [], devices: [], sites: [], wards: [])

  package func deviceIndex(_ id: String) -> Int? { byID[id] }
  package func profile(of device: Int) -> Profile { profiles[devices[device].profile] }
  package func interval(of device: Int) -> Milliseconds { devices[device].interval ?? profile(of: device).interval }

  /// `{site}/{domain}/{device}`: what events call the subject of a device's alert.
  package func subject(of device: Int) -> String {
    "\(devices[device].site)/\(profile(of: device).domain)/\(devices[device].id)"
  }

  package var domains: [String] { Set(profiles.map(\.domain)).sorted() }
}
