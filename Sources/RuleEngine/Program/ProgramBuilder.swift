import DeviceRegistry
import Readings

/// Lays out the tables of a program, device by device, then group by group.
struct ProgramBuilder {
  private let book: RuleBook
  private let registry: Registry
  /// Rules whose metrics a profile has and whose domain and profile agree, by profile.
  private let candidates: [[Int]]
  private let limitIndex: [String: Int]
  private var plans: [PlanKey: Plan] = [:]

  private(set) var bindings: [Binding] = []
  private(set) var slots: [SubjectSlot] = []
  private(set) var places: [SolarPlace] = []
  private(set) var compiled: [CompiledRule] = []
  private(set) var escalations: [CodeRange] = []
  private(set) var tellings: [Telling] = []
  private(set) var code: [Instruction] = []
  private(set) var windows: [WindowSpec] = []
  private(set) var metricStarts: [UInt32] = []
  private(set) var series: [UInt32] = []
  private(set) var numbers: [Double] = []
  private(set) var terms: [CodeRange] = []
  private(set) var groups: GroupBuilder
  private(set) var stateBytes = 0
  private(set) var stackDepth = 2

  private struct PlanKey: Hashable {
    var profile: Int
    /// Those for single devices, and those for groups: both in order.
    var rules: [Int]
  }
  private struct Plan {
    var firstCompiled: Int
    var metricStarts: Int
    var windowCount = 0
    /// Bytes of a device's states.
    var stride: Int
    /// What its code reads of the device itself, by operand.
    var numbers: [DeviceNumber]
    /// By group's rule.
    var firstTerm: [Int: Int] = [:]
  }

  init(book: RuleBook, registry: Registry) {
    self.book = book
    self.registry = registry
    groups = GroupBuilder(book: book, registry: registry)
    limitIndex = Dictionary(uniqueKeysWithValues: book.limits.names.enumerated().map { ($1, $0) })
    candidates = registry.profiles.map { profile in
      book.rules.indices.filter { index in
        let rule = book.rules[index]
        return rule.matcher.parts[.domain].map { $0.contains(profile.domain) } ?? true
          && rule.matcher.parts[.profile].map { $0.contains(profile.id) } ?? true
          && rule.metrics.allSatisfy { profile.metricIndex($0) != nil }
      }
    }
  }

  // MARK: Devices

  mutating func add(device index: Int, series deviceSeries: [SeriesID]) {
    let device = registry.devices[index]
    let profile = registry.profiles[device.profile]
    precondition(deviceSeries.count == profile.metrics.count, "every metric of a device has its series")
    let rules = candidates[device.profile].filter { rule in
      book.rules[rule].matcher.matches(device, profile: profile) && book.rules[rule].group?.kind.canHold(device) != false
    }
    let plan = plan(PlanKey(profile: device.profile, rules: rules))
    let own = rules.filter { book.rules[$0].group == nil }
    slots.append(
      SubjectSlot(
        states: stateBytes, stateBytes: UInt32(plan.stride), metricCount: UInt32(deviceSeries.count),
        interval: registry.interval(of: index), series: UInt32(series.count), numbers: UInt32(numbers.count),
        metricStarts: UInt32(plan.metricStarts), firstWindow: metricStarts[plan.metricStarts], windowCount: UInt32(plan.windowCount),
        firstBinding: Int32(bindings.count), bindingCount: Int32(own.count)))
    places.append(SolarPlace(SolarPlace.location(of: device, in: registry)))
    stateBytes += plan.stride
    series += deviceSeries.map(\.index)
    numbers += plan.numbers.map { $0.value(of: device) }
    for ordinal in own.indices { bindings.append(Binding(subject: Int32(index), compiled: Int32(plan.firstCompiled + ordinal))) }
    for rule in rules {
      guard let firstTerm = plan.firstTerm[rule] else { continue }
      groups.add(device: index, to: rule, firstTerm: firstTerm, triggers: triggers(of: book.rules[rule], profile))
    }
  }

  private func triggers(of rule: Rule, _ profile: Profile) -> UInt64 {
    rule.metrics.compactMap { profile.metricIndex($0) }.reduce(0) { $0 | 1 << UInt64($1) }
  }

  private mutating func plan(_ key: PlanKey) -> Plan {
    if let known = plans[key] { return known }
    let profile = registry.profiles[key.profile]
    var plan = Plan(firstCompiled: compiled.count, metricStarts: metricStarts.count, stride: DeviceState.stride, numbers: [])
    var compiler = ExpressionCompiler(profile: profile, limits: limitIndex, firstInstruction: code.count)
    layWindows(of: key.rules, profile, &plan, &compiler)
    for index in key.rules {
      let rule = book.rules[index]
      if rule.group == nil {
        compile(rule: index, triggers: triggers(of: rule, profile), &compiler)
      } else {
        plan.firstTerm[index] = terms.count
        for term in rule.terms { terms.append(compiler.compile(term.argument)) }
      }
    }
    code += compiler.code
    stackDepth = max(stackDepth, compiler.deepest + 2)
    plan.numbers = compiler.numbers
    plans[key] = plan
    return plan
  }

  private mutating func layWindows(of rules: [Int], _ profile: Profile, _ plan: inout Plan, _ compiler: inout ExpressionCompiler) {
    let expressions = rules.flatMap { book.rules[$0].conditions + book.rules[$0].message.expressions }
    let asked = Set(expressions.flatMap(\.calls).compactMap { WindowRequest(of: $0, in: profile) })
    let kept = Set(asked.map { $0.served(among: asked) })
      .sorted { ($0.metric, $0.kind.rawValue, $0.width) < ($1.metric, $1.kind.rawValue, $1.width) }
    for metric in 0...profile.metrics.count {
      metricStarts.append(UInt32(windows.count))
      for request in kept where request.metric == metric {
        compiler.windows[request] = windows.count
        let isOnChange = profile.metrics[metric].report == .onChange
        windows.append(
          WindowSpec(
            kind: request.kind, isOnChange: isOnChange, metric: UInt16(metric), state: UInt32(plan.stride), width: request.width,
            scale: profile.metrics[metric].scale))
        plan.stride += request.kind.type.stride
      }
    }
    plan.windowCount = kept.count
    for request in asked { compiler.windows[request] = compiler.windows[request.served(among: asked)] }
  }

  private mutating func compile(rule index: Int, triggers: UInt64, _ compiler: inout ExpressionCompiler) {
    let rule = book.rules[index]
    let when = compiler.compile(rule.when.expression)
    let clear = rule.clear.map { compiler.compile($0.expression) } ?? .empty
    compiled.append(
      CompiledRule(
        rule: Int32(index), usesClock: rule.usesClock, firstEscalation: Int32(escalations.count), triggers: triggers, when: when,
        clear: clear))
    for step in rule.policy.escalations { escalations.append(compiler.compile(step.when.expression)) }
    tellings.append(compiler.telling(of: rule))
  }

  // MARK: Groups

  /// To be called once, after all devices.
  mutating func addGroups() {
    for index in book.rules.indices {
      guard let scope = book.rules[index].group else { continue }
      var compiler = ExpressionCompiler(profile: nil, limits: limitIndex, firstInstruction: code.count)
      compiler.memberProfiles = groups.profiles(of: index)
      for (place, term) in book.rules[index].terms.enumerated() { compiler.terms[term.text] = place }
      let firstGroup = groups.groups.count
      let count = groups.addGroups(of: index, scope: scope, firstBinding: bindings.count)
      compile(rule: index, triggers: 0, &compiler)
      code += compiler.code
      stackDepth = max(stackDepth, compiler.deepest + 2)
      for group in firstGroup..<firstGroup + count {
        bindings.append(Binding(subject: Int32(slots.count), compiled: Int32(compiled.count - 1)))
        slots.append(
          SubjectSlot(
            states: stateBytes, stateBytes: UInt32(DeviceState.stride), metricCount: 0, interval: 0, series: 0,
            numbers: UInt32(numbers.count), metricStarts: 0, firstWindow: 0, windowCount: 0, firstBinding: Int32(bindings.count - 1),
            bindingCount: 1))
        let site = registry.sites.first { $0.id == groups.groups[group].site }
        places.append(SolarPlace(site?.location))
        stateBytes += DeviceState.stride
        numbers += compiler.numbers.map { _ in .nan }
      }
    }
  }

  // MARK: What all have in common

  func clockBindings() -> [Int] {
    let subjects = registry.devices.indices.map { registry.subject(of: $0) } + groups.groups.map(\.subject)
    return bindings.indices.filter { compiled[Int(bindings[$0].compiled)].usesClock }.sorted {
      let (a, b) = (bindings[$0], bindings[$1])
      return (compiled[Int(a.compiled)].rule, subjects[Int(a.subject)]) < (compiled[Int(b.compiled)].rule, subjects[Int(b.subject)])
    }
  }

  func limitTable() -> (spans: [LimitSpan], starts: [UInt32]) {
    var spans: [LimitSpan] = []
    var starts: [UInt32] = [0]
    for name in book.limits.names {
      spans += book.limits.rows(named: name).map { LimitSpan(from: $0.valid.lowerBound, to: $0.valid.upperBound, value: $0.value) }
      starts.append(UInt32(spans.count))
    }
    return (spans, starts + [UInt32(spans.count)])
  }
}
