import DeviceRegistry
import Readings
import SeriesStore

/// What is known of the members of all groups: each value with the T and the state of the device that it is of.
///
/// An evaluation of a group looks at each of its members, which costs about a nanosecond where the member's values are of the same T and
/// nothing was heard of it since, else an evaluation of its terms. So n members that report one ts each take n evaluations and n² looks
/// altogether, 1 ms for 1,000; where their ts differ every reading evaluates all n. 24 bytes a member and 8 a value.
struct MemberValues: Sendable {
  struct Known {
    var t = Int64.min
    var version: UInt32 = 0
    var epoch: UInt32 = 0
  }
  // Safe to send: it is its evaluator's own, and freed with it.
  nonisolated(unsafe) let known: UnsafeMutablePointer<Known>
  nonisolated(unsafe) let values: UnsafeMutablePointer<Double>
  /// By device: the instant of what its `status` topic said last.
  nonisolated(unsafe) let onlineSince: UnsafeMutablePointer<Int64>
  nonisolated(unsafe) let stack: UnsafeMutablePointer<Double>
  let bytes: Int

  init(_ program: RuleProgram) {
    (known, values) = (.allocate(capacity: program.groupMemberCount), .allocate(capacity: program.groupValueCount))
    onlineSince = .allocate(capacity: program.registry.devices.count)
    stack = .allocate(capacity: program.stackDepth)
    known.initialize(repeating: Known(), count: program.groupMemberCount)
    values.initialize(repeating: .nan, count: program.groupValueCount)
    onlineSince.initialize(repeating: .min, count: program.registry.devices.count)
    bytes = program.groupMemberCount * MemoryLayout<Known>.stride + 8 * (program.groupValueCount + program.registry.devices.count)
  }

  func free() {
    known.deallocate()
    values.deallocate()
    onlineSince.deallocate()
    stack.deallocate()
  }
}

extension RuleEvaluator {
  /// What a group's function says of a term of its members at T.
  mutating func memberValue(_ step: Instruction, ofGroupAt subject: Int, _ t: Int64, _ heads: borrowing SeriesHeads) -> Double {
    let group = program.groupSlots[subject - program.registry.devices.count]
    let term = Int(step.operand)
    var tally = MemberTally()
    // Safe: the builder laid out members and their values group by group.
    for place in 0..<group.memberCount {
      let index = group.firstMember + place
      let member = program.groupMembers + index
      guard member.pointee.from <= t, t < member.pointee.to else { continue }
      let first = group.firstValue + place * group.termCount
      refresh(index, member, firstValue: first, group.termCount, t, heads)
      tally.members += 1
      let value = members.values[first + term]
      if step.operation == .memberMean { tally.addNumber(value) } else { tally.addTruth(value) }
    }
    return tally.result(step.operation, quorum: group.quorum)
  }

  @inline(__always)
  private mutating func refresh(
    _ index: Int, _ member: UnsafeMutablePointer<GroupMember>, firstValue: Int, _ termCount: Int, _ t: Int64, _ heads: borrowing SeriesHeads
  ) {
    let device = Int(member.pointee.device)
    let version = state(device).pointee.version
    let known = members.known + index
    if known.pointee.t == t, known.pointee.version == version, known.pointee.epoch == epoch { return }
    for term in 0..<termCount {
      let code = program.terms[Int(member.pointee.firstTerm) + term]
      members.values[firstValue + term] = run(code, for: device, at: t, heads, on: members.stack)
    }
    known.pointee = MemberValues.Known(t: t, version: version, epoch: epoch)
  }
}

/// What the members come to.
private struct MemberTally {
  var members = 0
  private var known = 0
  private var held = 0
  private var sum = 0.0

  mutating func addTruth(_ level: Double) {
    if level == 1 { held += 1 }
    if level != Truth.unknown.level { known += 1 }
  }

  /// In the members' order: the sum is always the same.
  mutating func addNumber(_ value: Double) {
    if value.isNaN { return }
    known += 1
    sum = DecimalArithmetic.sum(sum, value)
  }

  /// A count of nothing is 0; a share below the quorum and a mean of nothing are unknown.
  func result(_ operation: Instruction.Operation, quorum: Double) -> Double {
    switch operation {
    case .memberCount: return Double(held)
    case .memberShare:
      if known == 0 || Double(known) < quorum * Double(members) { return .nan }
      return Double(held) / Double(known)
    default: return known == 0 ? .nan : DecimalArithmetic.quotient(sum, Double(known))
    }
  }
}
