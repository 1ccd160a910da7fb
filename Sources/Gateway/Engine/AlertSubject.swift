import Alerting
import DeviceRegistry
import Readings
import RuleEngine

/// Whom a rule is evaluated for.
enum AlertSubject {
  case device(Int)
  case group(AlertGroup)
}

/// A group as the subject of alerts.
struct AlertGroup {
  /// The program's.
  var index: Int
  /// `{site}/zone/{zone}`, `{site}/ward/{code}@{valid_from}` or `{site}`.
  var subject: String
  /// For people.
  var name: String
  var site: String
  var zone: String?
  var ward: WardID?
  /// Every device that is a member at some time.
  var members: [Int]
  /// The least of its members' intervals.
  var interval: Milliseconds
}

/// What a subject is called and where it belongs, for alerts.
struct SubjectFacts {
  var subject, site, domain, place: String
  var zone: String?
  var device: String?
}

extension Engine {
  func subject(of binding: Int) -> AlertSubject {
    program.group(of: binding).map { .group(groups[$0]) } ?? .device(program.device(of: binding))
  }

  /// The program's groups, as subjects.
  static func groups(of program: RuleProgram) -> [AlertGroup] {
    let registry = program.registry
    return program.groups.enumerated().map { index, group in
      let site = registry.sites.first { $0.id == group.site }?.name ?? group.site
      let name: String =
        switch group.kind {
        case .site: site
        case .zone: "\(group.zone ?? ""), \(site)"
        case .ward: group.ward.map { registry.wards[$0]?.name ?? $0.code } ?? site
        }
      return AlertGroup(
        index: index, subject: group.subject, name: name, site: group.site, zone: group.zone, ward: group.ward, members: group.members,
        interval: group.members.map { registry.interval(of: $0) }.min() ?? 60_000)
    }
  }

  func facts(of subject: AlertSubject) -> SubjectFacts {
    switch subject {
    case .device(let index):
      let device = registry.devices[index]
      return SubjectFacts(
        subject: registry.subject(of: index), site: device.site, domain: registry.profiles[device.profile].domain, place: device.name,
        zone: device.zone, device: device.id)
    case .group(let group):
      let domains = Set(group.members.map { registry.profile(of: $0).domain })
      return SubjectFacts(
        subject: group.subject, site: group.site, domain: domains.count == 1 ? domains.first ?? "" : "", place: group.name,
        zone: group.zone, device: nil)
    }
  }

  /// To be called before anything of the subject is evaluated at `t`.
  func cover(_ subject: AlertSubject, at t: Timestamp) {
    switch subject {
    case .device(let device): cover(device, at: t)
    case .group(let group): for device in group.members { cover(device, at: t) }
    }
  }

  func interval(of subject: AlertSubject) -> Milliseconds {
    switch subject {
    case .device(let device): intervals[device]
    case .group(let group): group.interval
    }
  }
}
