import DeviceRegistry
import Readings

/// Lays out the tables of a program, device by device.
struct ProgramBuilder {
  private let book: RuleBook
  private let registry: Registry
  /// Rules whose metrics a profile has and whose domain and profile agree, by profile.
  private let candidates: [[Int]]
  private var plans: [PlanKey: Plan] = [:]

  private(set) var bindings: [Binding] = []
  private(set) var slots: [DeviceSlot] = []
  private(set) var compiled: [CompiledRule] = []
  private(set) var escalations: [CodeRange] = []
  private(set) var tellings: [Telling] = []
  private(set) var code: [Instruction] = []
  private(set) var windows: [WindowSpec] = []
  private(set) var metricStarts: [UInt32] = []
  private(set) var series: [UInt32] = []
  private(set) var attributes: [Double] = []
  private(set) var stateBytes = 0
  private(set) var stackDepth = 2

  private struct PlanKey: Hashable {
    var profile: Int
    var rules: [Int]
  }
  private struct Plan {
    var firstCompiled: Int
    var metricStarts: Int
    /// Bytes of a device's states.
    var stride: Int
    /// The attributes that its code reads, by operand.
    var attributes: [String]
  }

  init(book: RuleBook, registry: Registry) {
    self.book = book
    self.registry = registry
    candidates = registry.profiles.map { profile in
      book.rules.indices.filter { index in
        let rule = book.rules[index]
        return rule.matcher.parts[.domain].map { $0.contains(profile.domain) } ?? true
          && rule.matcher.parts[.profile].map { $0.contains(profile.id) } ?? true
          && rule.metrics.allSatisfy { profile.metricIndex($0) != nil }
      }
    }
  }

  mutating func add(device index: Int, series deviceSeries: [SeriesID]) {
    let device = registry.devices[index]
    let profile = registry.profiles[device.profile]
    precondition(deviceSeries.count == profile.metrics.count, "every metric of a device has its series")
    let rules = candidates[device.profile].filter { book.rules[$0].matcher.matches(device, profile: profile) }
    let plan = plan(PlanKey(profile: device.profile, rules: rules))
    slots.append(
      DeviceSlot(
        states: stateBytes, interval: registry.interval(of: index), series: UInt32(series.count), attributes: UInt32(attributes.count),
        metricStarts: UInt32(plan.metricStarts), firstBinding: Int32(bindings.count), bindingCount: Int32(rules.count)))
    stateBytes += plan.stride
    series += deviceSeries.map(\.index)
    attributes += plan.attributes.map { name in
      if case .number(let number)? = device.attributes[name] { return number }
      return .nan
    }
    for ordinal in rules.indices { bindings.append(Binding(device: Int32(index), compiled: Int32(plan.firstCompiled + ordinal))) }
  }

  func clockBindings() -> [Int] {
    let subjects = registry.devices.indices.map { registry.subject(of: $0) }
    return bindings.indices.filter { compiled[Int(bindings[$0].compiled)].usesClock }.sorted {
      let (a, b) = (bindings[$0], bindings[$1])
      return (compiled[Int(a.compiled)].rule, subjects[Int(a.device)]) < (compiled[Int(b.compiled)].rule, subjects[Int(b.device)])
    }
  }

  private mutating func plan(_ key: PlanKey) -> Plan {
    if let known = plans[key] { return known }
    let profile = registry.profiles[key.profile]
    let requests = key.rules.flatMap { windowRequests(of: book.rules[$0], profile) }.uniqued()
      .sorted { ($0.metric, $0.kind.rawValue, $0.width) < ($1.metric, $1.kind.rawValue, $1.width) }
    var plan = Plan(firstCompiled: compiled.count, metricStarts: metricStarts.count, stride: DeviceTimes.stride, attributes: [])
    var compiler = ExpressionCompiler(profile: profile, firstInstruction: code.count)
    for metric in 0...profile.metrics.count {
      metricStarts.append(UInt32(windows.count))
      for request in requests where request.metric == metric {
        compiler.windows[request] = windows.count
        let isOnChange = profile.metrics[metric].report == .onChange
        windows.append(
          WindowSpec(
            kind: request.kind, isOnChange: isOnChange, metric: UInt16(metric), state: UInt32(plan.stride), width: request.width,
            scale: profile.metrics[metric].scale))
        plan.stride += (request.kind.stride + WindowKind.alignment - 1) / WindowKind.alignment * WindowKind.alignment
      }
    }
    for index in key.rules { compile(rule: index, profile, &compiler) }
    code += compiler.code
    stackDepth = max(stackDepth, compiler.deepest + 2)
    plan.attributes = compiler.attributes
    plans[key] = plan
    return plan
  }

  private func windowRequests(of rule: Rule, _ profile: Profile) -> [WindowRequest] {
    let conditions = [rule.when.expression] + (rule.clear.map { [$0.expression] } ?? []) + rule.policy.escalations.map(\.when.expression)
    let expressions = conditions + rule.message.expressions
    return expressions.flatMap(\.calls).compactMap { WindowRequest(of: $0, in: profile) }
  }

  private mutating func compile(rule index: Int, _ profile: Profile, _ compiler: inout ExpressionCompiler) {
    let rule = book.rules[index]
    var triggers: UInt64 = 0
    for metric in rule.metrics.compactMap({ profile.metricIndex($0) }) { triggers |= 1 << UInt64(metric) }
    let when = compiler.compile(rule.when.expression)
    let clear = rule.clear.map { compiler.compile($0.expression) } ?? .empty
    compiled.append(
      CompiledRule(
        rule: Int32(index), usesClock: rule.usesClock, firstEscalation: Int32(escalations.count), triggers: triggers, when: when,
        clear: clear))
    for step in rule.policy.escalations { escalations.append(compiler.compile(step.when.expression)) }
    let calls =
      (rule.when.expression.calls + (rule.clear?.expression.calls ?? [])) + rule.policy.escalations.flatMap(\.when.expression.calls)
    let evidence = calls.filter { $0.metric != nil }.map { Expression(offset: 0, form: .call($0)) }
    var telling = Telling()
    var seen: Set<String> = []
    for expression in evidence where seen.insert(expression.canonical).inserted { telling.evidence.append(compiler.told(expression)) }
    telling.message = rule.message.expressions.map { compiler.told($0) }
    tellings.append(telling)
  }
}
