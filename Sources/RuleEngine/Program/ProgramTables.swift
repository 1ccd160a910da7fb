import DeviceRegistry
import Readings

/// A rule at a device or at a group.
@usableFromInline struct Binding: Sendable {
  /// The slot: a device's index, or behind all devices a group's.
  @usableFromInline var subject: Int32
  @usableFromInline var compiled: Int32
}

/// A rule in a plan, or a group's rule.
@usableFromInline struct CompiledRule: Sendable {
  @usableFromInline var rule: Int32
  @usableFromInline var usesClock: Bool
  var firstEscalation: Int32
  @usableFromInline var triggers: UInt64
  var when: CodeRange
  /// Empty: clear is not when.
  var clear: CodeRange
}

/// Where the parts of a device begin in the tables. A group has one too, without windows and series.
@usableFromInline struct SubjectSlot: Sendable {
  /// Bytes into the evaluator's states: first the device's `DeviceState`, then its windows.
  var states: Int
  var stateBytes: UInt32
  var metricCount: UInt32
  var interval: Int64
  var series: UInt32
  var numbers: UInt32
  var metricStarts: UInt32
  var firstWindow: UInt32
  var windowCount: UInt32
  @usableFromInline var firstBinding: Int32
  @usableFromInline var bindingCount: Int32
}

/// The rows of a limit: what is valid in from ..< to.
struct LimitSpan: Sendable {
  var from: Int64
  var to: Int64
  var value: Double
}

/// Where a group's members and their values begin in the tables.
struct GroupSlot: Sendable {
  var firstMember: Int
  var memberCount: Int
  /// Values kept of each member: those of its rule's terms.
  var termCount: Int
  /// Index of the first member's first value.
  var firstValue: Int
  var quorum: Double
}

/// A device in a group, for as long as it stands there.
struct GroupMember: Sendable {
  var device: Int32
  /// Code of its rule's terms in the device's plan: index of the first.
  var firstTerm: UInt32
  var from: Int64
  var to: Int64
}

/// A group's rule that a reading of one of its members evaluates.
@usableFromInline struct MemberLink: Sendable {
  @usableFromInline var binding: Int32
  @usableFromInline var triggers: UInt64
}

/// A table that does not change any more, without the checks of an array.
func frozen<T>(_ array: [T]) -> UnsafeMutablePointer<T> {
  let memory = UnsafeMutablePointer<T>.allocate(capacity: max(1, array.count))
  array.withUnsafeBufferPointer { source in
    if let base = source.baseAddress { memory.initialize(from: base, count: source.count) }
  }
  return memory
}
