import DeviceRegistry
import Readings

/// Fills in a message for readers.
struct MessageWriter {
  /// What the message is of.
  private enum Subject {
    case device(Device, Profile)
    case group(RuleGroup, members: Int)
  }

  private let registry: Registry
  private let subject: Subject
  private let rule: Rule
  private let at: Timestamp

  init(program: RuleProgram, binding: Int, at t: Timestamp) {
    (registry, at) = (program.registry, t)
    rule = program.book.rules[program.rule(of: binding)]
    if let group = program.group(of: binding) {
      subject = .group(program.groups[group], members: program.members(ofGroup: group, at: t).count)
    } else {
      let device = program.registry.devices[program.device(of: binding)]
      subject = .device(device, program.registry.profiles[device.profile])
    }
  }

  func text(_ segments: [MessageTemplate.Segment], _ told: [Telling.Value], _ results: [Double], isVietnamese: Bool) -> String {
    segments.map { segment in
      switch segment {
      case .literal(let text): text
      case .field(let field): self.field(field, isVietnamese: isVietnamese)
      case .expression(let index): shown(results[index], told[index], isVietnamese: isVietnamese)
      }
    }.joined()
  }

  /// A dash for what its subject has not.
  private func field(_ field: MessageField, isVietnamese: Bool) -> String {
    switch field {
    case .ruleName: isVietnamese ? rule.name.vi : rule.name.en
    case .time: at.forReaders
    default:
      switch subject {
      case .device(let device, let profile): self.field(field, of: device, profile, isVietnamese: isVietnamese) ?? "–"
      case .group(let group, let members): self.field(field, of: group, members: members) ?? "–"
      }
    }
  }

  private func field(_ field: MessageField, of device: Device, _ profile: Profile, isVietnamese: Bool) -> String? {
    switch field {
    case .deviceID: device.id
    case .deviceName: device.name
    case .profile: isVietnamese ? profile.name.vi : profile.name.en
    case .site: device.site
    case .siteName: name(ofSite: device.site)
    case .zone: device.zone
    case .ward: device.ward(at: at).map(name)
    case .group, .groupCount, .ruleName, .time: nil
    }
  }

  private func field(_ field: MessageField, of group: RuleGroup, members: Int) -> String? {
    switch field {
    case .group: group.ward.map(name) ?? group.zone ?? name(ofSite: group.site)
    case .groupCount: String(members)
    case .site: group.site
    case .siteName: name(ofSite: group.site)
    case .zone: group.zone
    case .ward: group.ward.map(name)
    case .deviceID, .deviceName, .profile, .ruleName, .time: nil
    }
  }

  private func name(ofSite site: String) -> String { registry.sites.first { $0.id == site }?.name ?? site }
  private func name(_ ward: WardID) -> String { registry.wards[ward]?.name ?? ward.code }

  private func shown(_ value: Double, _ told: Telling.Value, isVietnamese: Bool) -> String {
    guard !value.isNaN else { return "–" }
    switch told.type {
    case .duration: return ReaderText.duration(value, isVietnamese: isVietnamese)
    case .text: return Quality(byte: UInt8(value)).text
    case .number, .truth: return ReaderText.number(value, decimals: told.decimals, isVietnamese: isVietnamese)
    }
  }
}
