import DeviceRegistry
package import Readings
package import SeriesStore

/// What an evaluation says.
package struct Verdict: Hashable, Sendable {
  package var when: Truth
  /// Not `when`, where the rule has no `clear`.
  package var clear: Truth

  package init(when: Truth, clear: Truth) { (self.when, self.clear) = (when, clear) }
}

/// What an evaluator keeps of a device or a group besides its windows, whose states follow it in memory.
struct DeviceState {
  /// The latest T that any window of the device was moved to.
  var horizon = Int64.min
  /// `age` counts from here at the earliest.
  var registeredAt = Int64.min
  /// Rises with everything but T that may change what is said of the device.
  var version: UInt32 = 0
  /// Does its `status` topic say online? Unknown until it says something.
  var isOnline = Truth.unknown

  static let stride = 32
}

/// Evaluates the rules of a program over readings in memory.
///
/// It owns the states of all windows; in steady state neither a reading nor an evaluation allocates. What it says is a function of the
/// readings, T, the intake's outages, the registrations and what devices said of being online: a new evaluator over the same ones says
/// the same.
package struct RuleEvaluator: ~Copyable {
  package let program: RuleProgram
  /// When the intake was down: the caller tells it.
  package var intake: IntakeHistory {
    didSet { epoch &+= 1 }
  }
  /// Rises with everything that may change what is said of all devices.
  var epoch: UInt32 = 0

  // The program's tables, at hand without a step through its reference; they live as long as `program` does.
  let bindings: UnsafeMutablePointer<Binding>
  let compiled: UnsafeMutablePointer<CompiledRule>
  let slots: UnsafeMutablePointer<SubjectSlot>
  let code: UnsafeMutablePointer<Instruction>
  let windows: UnsafeMutablePointer<WindowSpec>
  let series: UnsafeMutablePointer<UInt32>
  let numbers: UnsafeMutablePointer<Double>
  private let metricStarts: UnsafeMutablePointer<UInt32>
  /// `DeviceState` and windows of each device, at its slot's offset.
  let states: UnsafeMutableRawPointer
  let stack: UnsafeMutablePointer<Double>
  /// The sun at the T that it was last asked for.
  var sun = (t: Int64.min, position: SolarPosition(at: 0))
  let members: MemberValues

  package init(program: RuleProgram, intake: IntakeHistory = IntakeHistory()) {
    self.program = program
    self.intake = intake
    (bindings, compiled, slots, code) = (program.bindings, program.compiled, program.slots, program.code)
    (windows, series, numbers, metricStarts) = (program.windows, program.series, program.numbers, program.metricStarts)
    states = .allocate(byteCount: max(1, program.stateBytes), alignment: WindowKind.alignment)
    stack = .allocate(capacity: program.stackDepth)
    members = MemberValues(program)
    // Safe: the builder laid out each slot's states one after the other within stateBytes, each at a multiple of the alignment.
    for subject in 0..<program.registry.devices.count + program.groups.count {
      let base = states + slots[subject].states
      base.bindMemory(to: DeviceState.self, capacity: 1).initialize(to: DeviceState())
      for window in program.windows(of: subject) {
        windows[window].kind.type.initialize(at: base + Int(windows[window].state), kind: windows[window].kind)
      }
    }
  }

  deinit {
    // Safe: the same states as in init, each once.
    for device in program.registry.devices.indices {
      let base = states + slots[device].states
      for window in program.windows(of: device) { windows[window].kind.type.deinitialize(at: base + Int(windows[window].state)) }
    }
    states.deallocate()
    stack.deallocate()
    members.free()
  }

  /// Bytes of all windows' states and of what is kept of groups' members, but for what windows of min, max, p50 and p95 keep of their
  /// readings (`RuleProgram.memory(of:)`).
  package var stateBytes: Int { program.stateBytes + members.bytes }

  @inline(__always) func state(_ subject: Int) -> UnsafeMutablePointer<DeviceState> {
    // Safe: bound in init.
    (states + slots[subject].states).assumingMemoryBound(to: DeviceState.self)
  }

  // MARK: What happens to devices

  /// Tells when a device was registered; without it `age` counts from the beginning of time.
  package mutating func setRegistered(device: Int, at t: Timestamp) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    state(device).pointee.registeredAt = t.milliseconds
    state(device).pointee.version &+= 1
  }

  /// Tells what a device's `status` topic says. `online()` is the last that was told, whatever T is; it is unknown before.
  ///
  /// - Parameter t: the clock's instant at which it said so. What is told of the past of what was told already is passed over.
  package mutating func setOnline(device: Int, at t: Timestamp, isOnline: Bool) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    guard t.milliseconds >= members.onlineSince[device] else { return }
    members.onlineSince[device] = t.milliseconds
    state(device).pointee.isOnline = isOnline ? .true : .false
    state(device).pointee.version &+= 1
  }

  /// The indices of the device's readings have changed: its windows begin anew.
  package mutating func headsChanged(device: Int) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    // Safe: the same states as in init; each is made again where it was ended.
    let base = states + slots[device].states
    for window in program.windows(of: device) {
      let (kind, place) = (windows[window].kind, base + Int(windows[window].state))
      kind.type.deinitialize(at: place)
      kind.type.initialize(at: place, kind: kind)
    }
    state(device).pointee.version &+= 1
  }

  /// To be called for each reading that was stored (appended or inserted), after it was, before the next evaluation of its device.
  /// - Parameter metric: the index in the device's profile.
  package mutating func inserted(device: Int, metric: Int, reading: Reading, heads: borrowing SeriesHeads) {
    let ts = reading.ts.milliseconds
    let slot = slots + device
    let base = states + slot.pointee.states
    let state = base.assumingMemoryBound(to: DeviceState.self)
    state.pointee.version &+= 1
    let starts = metricStarts + Int(slot.pointee.metricStarts)
    let own = Int(starts[metric])..<Int(starts[metric + 1])
    let samples = heads.view(reading.series.int).samples
    for window in own { expectOldest(windows + window, base, samples) }
    // Windows meet readings after their T by themselves.
    if ts > state.pointee.horizon { return }
    let isGood = reading.quality.isGood && reading.hasValue
    for window in own { note(ts, reading.value, isGood: isGood, windows + window, at: base) }
  }

  private func note(_ ts: Int64, _ value: Double, isGood: Bool, _ spec: UnsafeMutablePointer<WindowSpec>, at base: UnsafeMutableRawPointer)
  {
    let place = base + Int(spec.pointee.state)
    switch spec.pointee.kind {
    case .latest: note(LatestWindow.self, ts, value, isGood, spec, place)
    case .sum, .hour: note(SlidingWindow<PlainSums>.self, ts, value, isGood, spec, place)
    case .moments: note(SlidingWindow<MomentSums>.self, ts, value, isGood, spec, place)
    case .trend: note(SlidingWindow<TrendSums>.self, ts, value, isGood, spec, place)
    case .minimum, .maximum: note(ExtremeWindow.self, ts, value, isGood, spec, place)
    case .steps: note(StepWindow.self, ts, value, isGood, spec, place)
    case .sorted: note(SlidingWindow<SortedValues>.self, ts, value, isGood, spec, place)
    }
  }

  /// By the kind's own type: through `WindowKind.type` it would be looked up at each reading.
  @inline(__always)
  private func note<Window: WindowState>(
    _ type: Window.Type, _ ts: Int64, _ value: Double, _ isGood: Bool, _ spec: UnsafeMutablePointer<WindowSpec>,
    _ place: UnsafeMutableRawPointer
  ) {
    place.assumingMemoryBound(to: type).pointee.noteInserted(ts, value, isGood: isGood, spec.pointee)
  }

  // MARK: Verdicts

  /// What the binding's rule says of its device or group at T.
  /// - Parameter needsClear: false where only `when` matters (nothing is raised): then `clear` says unknown where the rule has a `clear`.
  package mutating func evaluate(binding: Int, at t: Timestamp, heads: borrowing SeriesHeads, needsClear: Bool = true) -> Verdict {
    precondition(binding < program.bindingCount, "a binding of the program")
    let pair = bindings[binding]
    let rule = compiled + Int(pair.compiled)
    let when = Truth(level: run(rule.pointee.when, for: Int(pair.subject), at: t.milliseconds, heads))
    if rule.pointee.clear.isEmpty { return Verdict(when: when, clear: !when) }
    guard needsClear else { return Verdict(when: when, clear: .unknown) }
    return Verdict(when: when, clear: Truth(level: run(rule.pointee.clear, for: Int(pair.subject), at: t.milliseconds, heads)))
  }

  /// Whether the condition of a step of the rule's escalation holds at T.
  ///
  /// - Parameter step: the index in `AlertPolicy.escalations`.
  package mutating func escalation(_ step: Int, of binding: Int, at t: Timestamp, heads: borrowing SeriesHeads) -> Truth {
    precondition(binding < program.bindingCount, "a binding of the program")
    let pair = bindings[binding]
    let rule = compiled + Int(pair.compiled)
    precondition(step < program.book.rules[Int(rule.pointee.rule)].policy.escalations.count, "a step of the rule's escalation")
    let code = program.escalations[Int(rule.pointee.firstEscalation) + step]
    return Truth(level: run(code, for: Int(pair.subject), at: t.milliseconds, heads))
  }
}
