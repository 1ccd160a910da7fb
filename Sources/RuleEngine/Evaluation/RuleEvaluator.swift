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

/// The times of a device that its windows depend on; its windows' states follow it in memory.
struct DeviceTimes {
  /// The latest T that any window of the device was moved to.
  var horizon = Int64.min
  /// `age` counts from here at the earliest.
  var registeredAt = Int64.min

  static let stride = 16
}

/// Evaluates the rules of a program over readings in memory.
///
/// It owns the states of all windows; in steady state neither a reading nor an evaluation allocates. What it says is a function of the
/// readings, T, the intake's outages and the registrations: a new evaluator over the same ones says the same.
package struct RuleEvaluator: ~Copyable {
  package let program: RuleProgram
  /// When the intake was down: the caller tells it.
  package var intake: IntakeHistory

  // The program's tables, at hand without a step through its reference; they live as long as `program` does.
  private let bindings: UnsafeMutablePointer<Binding>
  private let compiled: UnsafeMutablePointer<CompiledRule>
  private let slots: UnsafeMutablePointer<DeviceSlot>
  private let code: UnsafeMutablePointer<Instruction>
  private let windows: UnsafeMutablePointer<WindowSpec>
  private let series: UnsafeMutablePointer<UInt32>
  private let attributes: UnsafeMutablePointer<Double>
  private let metricStarts: UnsafeMutablePointer<UInt32>
  /// `DeviceTimes` and windows of each device, at its slot's offset.
  private let states: UnsafeMutableRawPointer
  private let stack: UnsafeMutablePointer<Double>

  package init(program: RuleProgram, intake: IntakeHistory = IntakeHistory()) {
    self.program = program
    self.intake = intake
    (bindings, compiled, slots, code) = (program.bindings, program.compiled, program.slots, program.code)
    (windows, series, attributes, metricStarts) = (program.windows, program.series, program.attributes, program.metricStarts)
    states = .allocate(byteCount: max(1, program.stateBytes), alignment: WindowKind.alignment)
    stack = .allocate(capacity: program.stackDepth)
    // Safe: the builder laid out each device's states one after the other within stateBytes, each at a multiple of the alignment.
    for device in program.registry.devices.indices {
      let base = states + slots[device].states
      base.bindMemory(to: DeviceTimes.self, capacity: 1).initialize(to: DeviceTimes())
      let starts = metricStarts + Int(slots[device].metricStarts)
      for window in Int(starts[0])..<Int(starts[program.registry.profile(of: device).metrics.count]) {
        windows[window].kind.initialize(at: base + Int(windows[window].state))
      }
    }
  }

  deinit {
    // Safe: the same states as in init, each once.
    for device in program.registry.devices.indices {
      let base = states + slots[device].states
      let starts = metricStarts + Int(slots[device].metricStarts)
      for window in Int(starts[0])..<Int(starts[program.registry.profile(of: device).metrics.count]) {
        windows[window].kind.deinitialize(at: base + Int(windows[window].state))
      }
    }
    states.deallocate()
    stack.deallocate()
  }

  /// Bytes of all windows' states, but for the rings of min and max, which grow with what they hold.
  package var stateBytes: Int { program.stateBytes }

  @inline(__always) private func times(_ device: Int) -> UnsafeMutablePointer<DeviceTimes> {
    // Safe: bound in init.
    (states + slots[device].states).assumingMemoryBound(to: DeviceTimes.self)
  }

  /// Tells when a device was registered; without it `age` counts from the beginning of time.
  package mutating func setRegistered(device: Int, at t: Timestamp) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    times(device).pointee.registeredAt = t.milliseconds
  }

  /// The indices of the device's readings have changed: its windows begin anew.
  package mutating func headsChanged(device: Int) {
    precondition(device < program.registry.devices.count, "a device of the program's registry")
    // Safe: the same states as in init; each is made again where it was ended.
    let base = states + slots[device].states
    let starts = metricStarts + Int(slots[device].metricStarts)
    for window in Int(starts[0])..<Int(starts[program.registry.profile(of: device).metrics.count]) {
      windows[window].kind.deinitialize(at: base + Int(windows[window].state))
      windows[window].kind.initialize(at: base + Int(windows[window].state))
    }
  }

  /// To be called for each reading that was stored (appended or inserted), after it was, before the next evaluation of its device.
  /// - Parameter metric: the index in the device's profile.
  package mutating func inserted(device: Int, metric: Int, reading: Reading) {
    let ts = reading.ts.milliseconds
    // Windows meet readings after their T by themselves.
    if ts > times(device).pointee.horizon { return }
    let starts = metricStarts + Int(slots[device].metricStarts)
    let isGood = reading.quality.isGood && reading.hasValue
    for window in Int(starts[metric])..<Int(starts[metric + 1]) {
      let spec = windows[window]
      spec.kind.noteInserted(ts, reading.value, isGood, spec: spec, at: states + slots[device].states + Int(spec.state))
    }
  }

  /// What the binding's rule says of its device at T.
  /// - Parameter needsClear: false where only `when` matters (nothing is raised): then `clear` says unknown where the rule has a `clear`.
  package mutating func evaluate(binding: Int, at t: Timestamp, heads: borrowing SeriesHeads, needsClear: Bool = true) -> Verdict {
    precondition(binding < program.bindingCount, "a binding of the program")
    let pair = bindings[binding]
    let rule = compiled + Int(pair.compiled)
    let when = Truth(level: run(rule.pointee.when, device: Int(pair.device), at: t.milliseconds, heads))
    if rule.pointee.clear.isEmpty { return Verdict(when: when, clear: !when) }
    guard needsClear else { return Verdict(when: when, clear: .unknown) }
    return Verdict(when: when, clear: Truth(level: run(rule.pointee.clear, device: Int(pair.device), at: t.milliseconds, heads)))
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
    return Truth(level: run(code, device: Int(pair.device), at: t.milliseconds, heads))
  }

  /// Runs a piece of code for a device: the value it leaves, NaN where that is an unknown number.
  mutating func run(_ range: CodeRange, device: Int, at t: Int64, _ heads: borrowing SeriesHeads) -> Double {
    let slot = slots + device
    let base = states + slot.pointee.states
    let clock = base.assumingMemoryBound(to: DeviceTimes.self)
    if t > clock.pointee.horizon { clock.pointee.horizon = t }
    // Safe: the stack is deeper than the longest piece of code; operands were laid out by the compiler within their tables.
    var free = stack
    var top = 0.0
    var at = Int(range.start)
    let end = Int(range.end)
    while at < end {
      let step = code[at]
      at += 1
      switch step.operation {
      case .constant: push(step.constant, &top, &free)
      case .attribute: push(attributes[Int(slot.pointee.attributes) + Int(step.operand)], &top, &free)
      case .last, .mean, .count, .extreme:
        let value = windowValue(step, slot, base, t, heads)
        push(value, &top, &free)
      case .age:
        let value = age(metric: Int(step.operand), slot, clock.pointee.registeredAt, t, heads)
        push(value, &top, &free)
      case .negate: top = -top
      case .not: top = 1 - top
      case .skipIfFalse: if top == 0 { at = Int(step.operand) }
      case .skipIfTrue: if top == 1 { at = Int(step.operand) }
      case .lessThanConstant: top = level(top < step.constant, top, step.constant)
      case .atMostConstant: top = level(top <= step.constant, top, step.constant)
      case .greaterThanConstant: top = level(top > step.constant, top, step.constant)
      case .atLeastConstant: top = level(top >= step.constant, top, step.constant)
      case .equalsConstant: top = level(top == step.constant, top, step.constant)
      case .differsFromConstant: top = level(top != step.constant, top, step.constant)
      default:
        free -= 1
        top = combine(step.operation, free.pointee, top)
      }
    }
    return top
  }

  @inline(__always) private func push(_ value: Double, _ top: inout Double, _ free: inout UnsafeMutablePointer<Double>) {
    free.pointee = top
    free += 1
    top = value
  }

  /// A comparison's truth; unknown where one side is.
  @inline(__always) private func level(_ holds: Bool, _ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? 0.5 : holds ? 1 : 0 }

  @inline(__always) private func combine(_ operation: Instruction.Operation, _ a: Double, _ b: Double) -> Double {
    switch operation {
    case .add: DecimalArithmetic.sum(a, b)
    case .subtract: DecimalArithmetic.difference(a, b)
    case .multiply: DecimalArithmetic.product(a, b)
    case .divide: DecimalArithmetic.quotient(a, b)
    case .less: level(a < b, a, b)
    case .lessOrEqual: level(a <= b, a, b)
    case .greater: level(a > b, a, b)
    case .greaterOrEqual: level(a >= b, a, b)
    case .equal: level(a == b, a, b)
    case .notEqual: level(a != b, a, b)
    case .and: min(a, b)
    case .or: max(a, b)
    default: .nan
    }
  }

  @inline(__always)
  private func windowValue(
    _ step: Instruction, _ slot: UnsafeMutablePointer<DeviceSlot>, _ base: UnsafeMutableRawPointer, _ t: Int64,
    _ heads: borrowing SeriesHeads
  ) -> Double {
    let spec = windows + Int(step.operand)
    let head = heads.view(Int(series[Int(slot.pointee.series) + Int(spec.pointee.metric)]))
    // Safe: the state at this place was bound to its kind's type in init, and the compiler pairs operations with kinds.
    let place = base + Int(spec.pointee.state)
    switch step.operation {
    case .last:
      let state = place.assumingMemoryBound(to: LatestWindow.self)
      state.pointee.move(to: t, over: head)
      return state.pointee.value(over: head)
    case .extreme:
      let state = place.assumingMemoryBound(to: ExtremeWindow.self)
      state.pointee.move(to: t, width: spec.pointee.width, over: head)
      guard spec.pointee.isCovered(by: Int(state.pointee.good), interval: slot.pointee.interval) else { return .nan }
      return state.pointee.value(over: head)
    default:
      let state = place.assumingMemoryBound(to: SumWindow.self)
      state.pointee.move(to: t, width: spec.pointee.width, scale: spec.pointee.scale, over: head)
      if step.operation == .count { return Double(state.pointee.good) }
      guard spec.pointee.isCovered(by: Int(state.pointee.good), interval: slot.pointee.interval) else { return .nan }
      return state.pointee.mean(spec.pointee.scale)
    }
  }

  /// Connected time since the newest reading of any status, or the registration; never unknown.
  private func age(
    metric: Int, _ slot: UnsafeMutablePointer<DeviceSlot>, _ registeredAt: Int64, _ t: Int64, _ heads: borrowing SeriesHeads
  ) -> Double {
    let head = heads.view(Int(series[Int(slot.pointee.series) + metric]))
    let newest = head.count == 0 ? Int64.min : head.times[head.count - 1]
    let from = max(newest, registeredAt)
    guard from < t else { return 0 }
    // The beginning of time, for a device that nobody registered and that never spoke, is the epoch.
    return Double(intake.connected(from: Timestamp(milliseconds: max(from, 0)), to: Timestamp(milliseconds: t)))
  }
}
