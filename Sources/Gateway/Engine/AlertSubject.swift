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
  /// `{site}/zone/{zone}`, `{site}/ward/{code}@{valid_from}` or `{site}`.
  var subject: String
  /// For people.
  var name: String
  var site: String
  var zone: String?
  var ward: WardID?
  /// Its devices.
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
  func subject(of binding: Int) -> AlertSubject { .device(program.device(of: binding)) }

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
