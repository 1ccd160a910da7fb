package import DeviceRegistry
package import Readings

/// What all rules of a book make of all devices of a registry: flat code over windows that rules have in common.
///
/// Devices of one profile for which the same rules hold have one *plan*: its windows and its code. A *binding* is a pair of device and
/// rule, or of group and rule: first those of devices, numbered device by device, those of a device in order of rule id; then those of
/// groups in order of (rule id, subject).
///
/// Memory: 8 bytes a binding, about 80 a device or group, 4 a series, 40 a member of a group; plans are few. The windows' states are the
/// evaluator's: see `memory(of:)`.
@usableFromInline package final class RuleProgram: @unchecked Sendable {
  // Safe to send: every table is written in init and freed in deinit, and never written between.

  package let book: RuleBook
  package let registry: Registry

  @usableFromInline let bindings: UnsafeMutablePointer<Binding>
  /// Number of bindings.
  @usableFromInline package let bindingCount: Int
  /// Of devices, then of groups.
  @usableFromInline let slots: UnsafeMutablePointer<SubjectSlot>
  /// Where the sun stands over each slot.
  let places: UnsafeMutablePointer<SolarPlace>
  @usableFromInline let compiled: UnsafeMutablePointer<CompiledRule>
  /// The conditions of the rules' escalations, those of a compiled rule one after the other.
  let escalations: UnsafeMutablePointer<CodeRange>
  let code: UnsafeMutablePointer<Instruction>
  let windows: UnsafeMutablePointer<WindowSpec>
  /// Per plan, for each metric the first of its windows, and the end of the last's.
  let metricStarts: UnsafeMutablePointer<UInt32>
  let series: UnsafeMutablePointer<UInt32>
  /// Attributes and own limits of each slot that its code reads; NaN where it has none.
  let numbers: UnsafeMutablePointer<Double>
  /// Rows of the limits, name by name in order of time, and where each name's begin; behind the last name there are none.
  let limitSpans: UnsafeMutablePointer<LimitSpan>
  let limitStarts: UnsafeMutablePointer<UInt32>
  /// Days since 1970-01-01, in order.
  let holidays: UnsafeMutablePointer<Int>
  let holidayCount: Int
  /// Bytes of all devices' states.
  let stateBytes: Int
  let stackDepth: Int
  /// Messages and evidence of each compiled rule: read when something is told.
  let tellings: [Telling]

  /// The groups: that with index i is bound by binding `deviceBindingCount` + i.
  package let groups: [RuleGroup]
  /// Bindings of devices: those from here on are of groups.
  @usableFromInline package let deviceBindingCount: Int
  let groupSlots: UnsafeMutablePointer<GroupSlot>
  let groupMembers: UnsafeMutablePointer<GroupMember>
  let groupMemberCount: Int
  /// Values that an evaluator keeps of all members of all groups.
  let groupValueCount: Int
  /// Code of the members' terms.
  let terms: UnsafeMutablePointer<CodeRange>
  @usableFromInline let links: UnsafeMutablePointer<MemberLink>
  /// By device, where its links begin.
  @usableFromInline let linkStarts: UnsafeMutablePointer<Int>

  /// Bindings whose rules read the clock, and all of groups, in order of (rule id, subject): what a tick evaluates.
  package let clockBindings: [Int]

  /// - Parameter series: for each device of the registry the series of each metric of its profile.
  package init(book: RuleBook, registry: Registry, series: [[SeriesID]]) {
    precondition(series.count == registry.devices.count, "every device has its series")
    var builder = ProgramBuilder(book: book, registry: registry)
    for device in registry.devices.indices { builder.add(device: device, series: series[device]) }
    deviceBindingCount = builder.bindings.count
    builder.addGroups()
    self.book = book
    self.registry = registry
    bindings = frozen(builder.bindings)
    bindingCount = builder.bindings.count
    slots = frozen(builder.slots)
    compiled = frozen(builder.compiled)
    escalations = frozen(builder.escalations)
    code = frozen(builder.code)
    windows = frozen(builder.windows)
    metricStarts = frozen(builder.metricStarts)
    self.series = frozen(builder.series)
    numbers = frozen(builder.numbers)
    places = frozen(builder.places)
    let limits = builder.limitTable()
    (limitSpans, limitStarts) = (frozen(limits.spans), frozen(limits.starts))
    (holidays, holidayCount) = (frozen(book.holidays.days), book.holidays.count)
    groups = builder.groups.groups
    groupSlots = frozen(builder.groups.slots)
    groupMembers = frozen(builder.groups.members)
    groupMemberCount = builder.groups.members.count
    groupValueCount = builder.groups.valueCount
    terms = frozen(builder.terms)
    let links = builder.groups.links(devices: registry.devices.count)
    (self.links, linkStarts) = (frozen(links.links), frozen(links.starts))
    stateBytes = builder.stateBytes
    stackDepth = builder.stackDepth
    tellings = builder.tellings
    clockBindings = builder.clockBindings()
  }

  deinit {
    bindings.deallocate()
    slots.deallocate()
    compiled.deallocate()
    escalations.deallocate()
    code.deallocate()
    windows.deallocate()
    metricStarts.deallocate()
    series.deallocate()
    numbers.deallocate()
    places.deallocate()
    limitSpans.deallocate()
    limitStarts.deallocate()
    holidays.deallocate()
    groupSlots.deallocate()
    groupMembers.deallocate()
    terms.deallocate()
    links.deallocate()
    linkStarts.deallocate()
  }

  /// The bindings of a device, in order of rule id.
  @inlinable package func bindings(of device: Int) -> Range<Int> {
    Int(slots[device].firstBinding)..<Int(slots[device].firstBinding + slots[device].bindingCount)
  }

  /// Index of the binding's rule in the book.
  @inlinable package func rule(of binding: Int) -> Int { Int(compiled[Int(bindings[binding].compiled)].rule) }

  /// The device of a binding that is no group's.
  @inlinable package func device(of binding: Int) -> Int { Int(bindings[binding].subject) }

  /// `{site}/{domain}/{device}`, or a group's subject.
  package func subject(of binding: Int) -> String {
    group(of: binding).map { groups[$0].subject } ?? registry.subject(of: device(of: binding))
  }

  /// A bit for each metric of the device's profile (by index) that the rule reads: a new newest good reading of one evaluates it. Of a
  /// group's binding see `groupTriggers(ofLink:)`.
  @inlinable package func triggers(of binding: Int) -> UInt64 { compiled[Int(bindings[binding].compiled)].triggers }

  /// The rule reads the clock: it is evaluated at ticks too.
  @inlinable package func usesClock(_ binding: Int) -> Bool { compiled[Int(bindings[binding].compiled)].usesClock }

  /// The binding of that device and rule; nil where the rule is not for it.
  package func binding(device: Int, rule: Int) -> Int? { bindings(of: device).first { self.rule(of: $0) == rule } }

  /// The windows of a device; none of a group.
  func windows(of subject: Int) -> Range<Int> {
    let first = Int(slots[subject].firstWindow)
    return first..<first + Int(slots[subject].windowCount)
  }

  /// How far back from T the device's rules look, in milliseconds; 0 where they do not.
  package func widestWindow(of device: Int) -> Int64 { windows(of: device).map { windows[$0].reach }.max() ?? 0 }
}
