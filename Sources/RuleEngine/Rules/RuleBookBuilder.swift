import DeviceRegistry

/// Gathers the rules of all files, and what holds between rules: ids, references, bounds.
struct RuleBookBuilder {
  private let registry: Registry
  private let tables: RuleTables
  /// Ids of rules that stand elsewhere, and may be named.
  private let others: Set<String>
  private let faults: FaultList
  private var rules: [Rule] = []
  private var warnings: [FileFault] = []
  private var places: [String: FileFault] = [:]
  /// Rules that others name, with the place where they do.
  private var references: [(id: String, place: YAMLValue)] = []
  private var bindings = 0

  init(registry: Registry, tables: RuleTables, beside others: Set<String>, faults: FaultList) {
    (self.registry, self.tables, self.others, self.faults) = (registry, tables, others, faults)
  }

  mutating func warn(_ warning: FileFault) { warnings.append(warning) }

  mutating func add(_ file: YAMLValue, lines: [[Unicode.Scalar]]) {
    for value in file.mapping(keys: ["rules"])?["rules"]?.list() ?? [] {
      guard places.count < RuleFiles.maximumRules else { return value.fault("at most \(RuleFiles.maximumRules) rules") }
      var reader = RuleReader(value, lines: lines, registry: registry, tables: tables)
      guard let id = reader.id() else { continue }
      if let first = places[id] {
        value.fault("rule \(id) is defined twice: the first stands in \(first.file):\(first.line)")
        continue
      }
      places[id] = FileFault(file: value.file, line: value.line, column: value.column, message: "")
      let rule = reader.read(id: id)
      references += reader.references
      warnings += reader.warnings
      guard let rule else { continue }
      bindings += reader.boundDevices
      rules.append(rule)
    }
  }

  func book() throws(FileFaults) -> RuleBook {
    for (id, place) in references where places[id] == nil && !others.contains(id) {
      place.fault("no rule \(id)\(CloseNames.hint(for: id, among: others.union(places.keys)))")
    }
    if bindings > RuleFiles.maximumBindings, let first = rules.first {
      let message = "the rules bind \(bindings) pairs of rule and device, at most \(RuleFiles.maximumBindings); narrow \"where\""
      faults.add(FileFault(file: first.place.file, message: message))
    }
    let order = InhibitionOrder(rules)
    if let circle = order.circle, let place = places[circle[0]] {
      let path = (circle + [circle[0]]).joined(separator: " by ")
      let message = "rules inhibit one another in a circle: \(path)"
      faults.add(FileFault(file: place.file, line: place.line, column: place.column, message: message))
    }
    try faults.throwIfAny()
    return RuleBook(rules: order.rules, limits: tables.limits, holidays: tables.holidays, warnings: warnings)
  }
}
