import DeviceRegistry
import Readings

/// Gathers the groups of all rules that have them, and lays out their members.
struct GroupBuilder {
  /// A device that a group's rule counts, wherever it stands.
  private struct Candidate {
    var device: Int
    var firstTerm: Int
    var triggers: UInt64
  }
  private struct Stay {
    var candidate: Candidate
    var from = Int64.min
    var to = Int64.max
  }

  private let book: RuleBook
  private let registry: Registry
  /// By rule.
  private var candidates: [Int: [Candidate]] = [:]
  private var linksOf: [Int: [MemberLink]] = [:]

  private(set) var groups: [RuleGroup] = []
  private(set) var slots: [GroupSlot] = []
  private(set) var members: [GroupMember] = []
  private(set) var valueCount = 0

  init(book: RuleBook, registry: Registry) { (self.book, self.registry) = (book, registry) }

  mutating func add(device: Int, to rule: Int, firstTerm: Int, triggers: UInt64) {
    candidates[rule, default: []].append(Candidate(device: device, firstTerm: firstTerm, triggers: triggers))
  }

  /// Profiles of the devices that a rule counts.
  func profiles(of rule: Int) -> [Profile] {
    Set((candidates[rule] ?? []).map { registry.devices[$0.device].profile }).sorted().map { registry.profiles[$0] }
  }

  /// The groups of a rule in order of subject, numbered from `binding` on.
  mutating func addGroups(of rule: Int, scope: GroupScope, firstBinding: Int) -> Int {
    var found: [String: (group: RuleGroup, stays: [Stay])] = [:]
    for candidate in candidates[rule] ?? [] {
      for (group, stay) in places(of: candidate, rule, scope.kind) { found[group.subject, default: (group, [])].stays.append(stay) }
    }
    for (ordinal, subject) in found.keys.sorted().enumerated() {
      guard let place = found[subject] else { continue }
      var group = place.group
      let stays = place.stays
      group.members = stays.map(\.candidate.device).uniqued()
      let termCount = book.rules[rule].terms.count
      slots.append(
        GroupSlot(
          firstMember: members.count, memberCount: stays.count, termCount: termCount, firstValue: valueCount, quorum: scope.quorum))
      valueCount += stays.count * termCount
      for stay in stays {
        let candidate = stay.candidate
        members.append(
          GroupMember(device: Int32(candidate.device), firstTerm: UInt32(candidate.firstTerm), from: stay.from, to: stay.to))
      }
      var triggers: [Int: UInt64] = [:]
      for stay in stays { triggers[stay.candidate.device] = stay.candidate.triggers }
      for device in group.members {
        linksOf[device, default: []].append(MemberLink(binding: Int32(firstBinding + ordinal), triggers: triggers[device] ?? 0))
      }
      groups.append(group)
    }
    return found.count
  }

  /// The groups of that kind in which a device stands, with the time of each.
  private func places(of candidate: Candidate, _ rule: Int, _ kind: GroupScope.Kind) -> [(RuleGroup, Stay)] {
    let device = registry.devices[candidate.device]
    let site = RuleGroup(rule: rule, kind: kind, subject: device.site, site: device.site, members: [])
    switch kind {
    case .site: return [(site, Stay(candidate: candidate))]
    case .zone:
      guard let zone = device.zone else { return [] }
      var group = site
      (group.subject, group.zone) = ("\(device.site)/zone/\(zone)", zone)
      return [(group, Stay(candidate: candidate))]
    case .ward:
      return device.wards.enumerated().map { place, stay in
        var group = site
        (group.subject, group.ward) = ("\(device.site)/ward/\(stay.ward.code)@\(stay.ward.validFrom)", stay.ward)
        // As `Device.ward(at:)` has it: before the first it stood in the first.
        let from = place == 0 ? .min : stay.since.milliseconds
        let to = place + 1 < device.wards.count ? device.wards[place + 1].since.milliseconds : .max
        return (group, Stay(candidate: candidate, from: from, to: to))
      }
    }
  }

  /// Each device's links, one after the other.
  func links(devices: Int) -> (links: [MemberLink], starts: [Int]) {
    var links: [MemberLink] = []
    var starts = [0]
    for device in 0..<devices {
      links += linksOf[device] ?? []
      starts.append(links.count)
    }
    return (links, starts)
  }
}
