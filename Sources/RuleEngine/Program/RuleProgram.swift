package import DeviceRegistry
package import Readings

/// What all rules of a book make of all devices of a registry: flat code over windows that rules have in common.
///
/// Devices of one profile for which the same rules hold have one *plan*: its windows and its code. A *binding* is a pair of device and
/// rule; bindings are numbered device by device, those of a device in order of rule id.
///
/// Memory: 8 bytes a binding, about 48 a device, 4 a series; plans are few. The windows' states are the evaluator's.
@usableFromInline package final class RuleProgram: @unchecked Sendable {
  // Safe to send: every table is written in init and freed in deinit, and never written between.

  package let book: RuleBook
  package let registry: Registry

  @usableFromInline let bindings: UnsafeMutablePointer<Binding>
  /// Number of bindings.
  @usableFromInline package let bindingCount: Int
  @usableFromInline let slots: UnsafeMutablePointer<DeviceSlot>
  @usableFromInline let compiled: UnsafeMutablePointer<CompiledRule>
  /// The conditions of the rules' escalations, those of a compiled rule one after the other.
  let escalations: UnsafeMutablePointer<CodeRange>
  let code: UnsafeMutablePointer<Instruction>
  let windows: UnsafeMutablePointer<WindowSpec>
  /// Per plan, for each metric the first of its windows, and the end of the last's.
  let metricStarts: UnsafeMutablePointer<UInt32>
  let series: UnsafeMutablePointer<UInt32>
  let attributes: UnsafeMutablePointer<Double>
  /// Bytes of all devices' states.
  let stateBytes: Int
  let stackDepth: Int
  /// Messages and evidence of each compiled rule: read when something is told.
  let tellings: [Telling]

  /// Bindings whose rules read the clock, in order of (rule id, device): what a tick evaluates.
  package let clockBindings: [Int]

  /// - Parameter series: for each device of the registry the series of each metric of its profile.
  package init(book: RuleBook, registry: Registry, series: [[SeriesID]]) {
    precondition(series.count == registry.devices.count, "every device has its series")
    var builder = ProgramBuilder(book: book, registry: registry)
    for device in registry.devices.indices { builder.add(device: device, series: series[device]) }
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
    attributes = frozen(builder.attributes)
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
    attributes.deallocate()
  }

  /// The bindings of a device, in order of rule id.
  @inlinable package func bindings(of device: Int) -> Range<Int> {
    Int(slots[device].firstBinding)..<Int(slots[device].firstBinding + slots[device].bindingCount)
  }

  /// Index of the binding's rule in the book.
  @inlinable package func rule(of binding: Int) -> Int { Int(compiled[Int(bindings[binding].compiled)].rule) }

  @inlinable package func device(of binding: Int) -> Int { Int(bindings[binding].device) }

  /// A bit for each metric of the device's profile (by index) that the rule reads: a new newest good reading of one evaluates it.
  @inlinable package func triggers(of binding: Int) -> UInt64 { compiled[Int(bindings[binding].compiled)].triggers }

  /// The rule reads the clock: it is evaluated at ticks too.
  @inlinable package func usesClock(_ binding: Int) -> Bool { compiled[Int(bindings[binding].compiled)].usesClock }

  /// The binding of that device and rule; nil where the rule is not for it.
  package func binding(device: Int, rule: Int) -> Int? { bindings(of: device).first { self.rule(of: $0) == rule } }

  /// The widest window over the device's readings, in milliseconds; 0 where it has none.
  package func widestWindow(of device: Int) -> Int64 {
    let starts = metricStarts + Int(slots[device].metricStarts)
    return (Int(starts[0])..<Int(starts[registry.profile(of: device).metrics.count])).map { windows[$0].width }.max() ?? 0
  }

  /// Windows of one device of the first plan with that rule; for tests and reports.
  package func windowCount(of device: Int) -> Int {
    let starts = metricStarts + Int(slots[device].metricStarts)
    return Int(starts[registry.profile(of: device).metrics.count] - starts[0])
  }
}

/// A rule at a device.
@usableFromInline struct Binding: Sendable {
  @usableFromInline var device: Int32
  @usableFromInline var compiled: Int32
}

/// A rule in a plan.
@usableFromInline struct CompiledRule: Sendable {
  @usableFromInline var rule: Int32
  @usableFromInline var usesClock: Bool
  var firstEscalation: Int32
  @usableFromInline var triggers: UInt64
  var when: CodeRange
  /// Empty: clear is not when.
  var clear: CodeRange
}

/// Where a device's parts of the tables begin.
@usableFromInline struct DeviceSlot: Sendable {
  /// Bytes into the evaluator's states: first the device's `DeviceTimes`, then its windows.
  var states: Int
  var interval: Int64
  var series: UInt32
  var attributes: UInt32
  var metricStarts: UInt32
  @usableFromInline var firstBinding: Int32
  @usableFromInline var bindingCount: Int32
}

/// What a rule in a plan says of itself when it is told.
struct Telling: Sendable {
  struct Value: Sendable {
    var text: String
    var code: CodeRange
    /// Decimals that people are shown.
    var decimals: Int
    var isDuration: Bool
  }
  /// Calls of when and clear, in order, each once.
  var evidence: [Value] = []
  /// The expressions of the message.
  var message: [Value] = []
}

private func frozen<T>(_ array: [T]) -> UnsafeMutablePointer<T> {
  let memory = UnsafeMutablePointer<T>.allocate(capacity: max(1, array.count))
  array.withUnsafeBufferPointer { source in
    if let base = source.baseAddress { memory.initialize(from: base, count: source.count) }
  }
  return memory
}
