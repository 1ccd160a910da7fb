package import DeviceRegistry
package import Readings

/// A place whose devices a rule counts.
package struct RuleGroup: Sendable {
  /// Index of the rule in the book.
  package var rule: Int
  package var kind: GroupScope.Kind
  /// `{site}/zone/{zone}`, `{site}/ward/{code}@{valid_from}` or `{site}`.
  package var subject: String
  package var site: String
  package var zone: String?
  package var ward: WardID?
  /// Every device that is a member at some time, in order.
  package var members: [Int]
}

extension RuleProgram {
  /// The group of a binding; nil where it is a device's.
  @inlinable package func group(of binding: Int) -> Int? { binding < deviceBindingCount ? nil : binding - deviceBindingCount }

  /// The devices that an evaluation of a group's binding reads: all have to be covered at its T. Empty for a device's binding.
  package func members(of binding: Int) -> [Int] { group(of: binding).map { groups[$0].members } ?? [] }

  /// The members at `t`: in a ward those that stand in it then. In order, none twice.
  package func members(ofGroup group: Int, at t: Timestamp) -> [Int] {
    let slot = groupSlots[group]
    // Safe: the builder laid the members of each group out one after the other.
    return (slot.firstMember..<slot.firstMember + slot.memberCount).map { groupMembers[$0] }
      .filter { $0.from <= t.milliseconds && t.milliseconds < $0.to }.map { Int($0.device) }
  }

  /// Links of a device to the groups that it is a member of at some time: after its readings each group's binding is evaluated whose
  /// triggers hold a metric with a new newest good reading.
  @inlinable package func memberLinks(of device: Int) -> Range<Int> { linkStarts[device]..<linkStarts[device + 1] }

  @inlinable package func groupBinding(ofLink link: Int) -> Int { Int(links[link].binding) }

  /// A bit for each metric of the member's profile (by index) that the rule reads.
  @inlinable package func groupTriggers(ofLink link: Int) -> UInt64 { links[link].triggers }
}
