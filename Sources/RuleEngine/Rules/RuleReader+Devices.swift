import DeviceRegistry
import Readings

/// What a rule is for: the devices that it is evaluated for, and whether it can ever work there.
extension RuleReader {
  /// Readings of one device that a rule may keep in memory without a word.
  static let readingsToWarnOf = 100_000

  /// Finds whether the rule can ever work.
  mutating func bind(_ rule: Rule, expressions: [PlacedExpression], message: [PlacedExpression]) {
    let matched = registry.devices.filter { rule.matcher.matches($0, profile: registry.profiles[$0.profile]) }
    guard !matched.isEmpty else { return warn(value, "rule \(rule.id) matches no device: it never rings") }
    let profiles = Set(matched.map(\.profile)).map { registry.profiles[$0] }
    let metrics = Set(profiles.flatMap { $0.metrics.map(\.name) })
    for placed in expressions + message {
      for (name, offset) in placed.expression.metrics where !metrics.contains(name) {
        let hint = CloseNames.hint(for: name, among: metrics)
        fault(placed, offset, "no device of this rule measures \(name)\(hint)")
      }
    }
    let bound = matched.filter { device in
      rule.metrics.allSatisfy { registry.profiles[device.profile].metricIndex($0) != nil } && rule.group?.kind.canHold(device) != false
    }
    boundDevices = bound.count
    if bound.isEmpty, rule.metrics.allSatisfy(metrics.contains) { faultOfNoDevice(rule, matched) }
    checkAttributes(of: rule, expressions: expressions, message: message, matched: matched, bound: bound)
    checkLimits(of: rule, expressions: expressions, message: message, bound: bound)
    checkClock(of: rule, expressions: expressions, bound: bound)
    checkMemory(of: rule, expressions: expressions + message, bound: bound)
  }

  private func faultOfNoDevice(_ rule: Rule, _ matched: [Device]) {
    if let kind = rule.group?.kind, !matched.contains(where: kind.canHold) {
      map["for_each"]?.fault("no device of this rule has a \(kind.rawValue)")
    } else {
      map["when"]?.fault("no device of this rule measures all of \(rule.metrics.joined(separator: ", "))")
    }
  }

  private mutating func checkAttributes(
    of rule: Rule, expressions: [PlacedExpression], message: [PlacedExpression], matched: [Device], bound: [Device]
  ) {
    let attributes = Set(matched.flatMap { $0.attributes.filter(\.value.isNumber).keys })
    for placed in expressions + message {
      for (name, offset) in placed.expression.attributes where !attributes.contains(name) {
        fault(placed, offset, "no device of this rule has a number as attr.\(name)\(CloseNames.hint(for: name, among: attributes))")
      }
    }
    for name in expressions.flatMap(\.expression.attributes).map(\.name).uniqued() where attributes.contains(name) {
      warnOfLacking(rule, bound.filter { $0.attributes[name]?.isNumber != true }, "no number as attribute \(name)")
    }
  }

  /// A limit is a row of limits.csv, or the devices' own.
  private mutating func checkLimits(of rule: Rule, expressions: [PlacedExpression], message: [PlacedExpression], bound: [Device]) {
    let names = Set(tables.limits.names)
    let own = Set(bound.flatMap(\.limits.keys))
    for placed in expressions + message {
      for (name, offset) in placed.expression.limits where !names.contains(name) && !own.contains(name) {
        let hint = CloseNames.hint(for: name, among: names.union(own))
        fault(placed, offset, "limits.csv has no limit \(name), and no device of this rule one of its own\(hint)")
      }
    }
    for name in expressions.flatMap(\.expression.limits).map(\.name).uniqued() {
      let lacking = rule.group == nil ? bound.filter { $0.limits[name] == nil } : bound
      if lacking.isEmpty { continue }
      if !names.contains(name), own.contains(name) {
        warnOfLacking(rule, lacking, "limits.csv has no limit \(name), nor have they one of their own")
      } else if let gap = tables.limits.gap(of: name) {
        warn(value, "rule \(rule.id) does not hold \(gap): limits.csv has no row of \(name) that is valid then")
      }
    }
  }

  private mutating func checkClock(of rule: Rule, expressions: [PlacedExpression], bound: [Device]) {
    let used = Set(expressions.flatMap(\.expression.calls).compactMap { FunctionCatalog.signature(of: $0)?.evaluated })
    if used.contains(.holiday), tables.holidays.count == 0 {
      warn(value, "rule \(rule.id) asks for holiday(), and holidays.csv has no day: none is a holiday")
    }
    guard used.contains(.dark) else { return }
    warnOfLacking(
      rule, bound.filter { SolarPlace.location(of: $0, in: registry) == nil }, "dark() needs a location, theirs or their site's")
  }

  /// What is looked back on is kept in memory: days of a fast device are many readings.
  private mutating func checkMemory(of rule: Rule, expressions: [PlacedExpression], bound: [Device]) {
    let calls = expressions.flatMap(\.expression.calls)
    var most: (device: Device, readings: Int64)?
    for device in bound {
      let profile = registry.profiles[device.profile]
      var widths: [Int: Milliseconds] = [:]
      for request in calls.compactMap({ WindowRequest(of: $0, in: profile) }) {
        widths[request.metric] = max(widths[request.metric] ?? 0, request.width)
      }
      let readings = widths.values.reduce(0) { $0 + $1 } / max(1, device.interval ?? profile.interval)
      if readings > most?.readings ?? 0 { most = (device, readings) }
    }
    guard let most, most.readings > Self.readingsToWarnOf else { return }
    let bytes = most.readings * Int64(RuleProgram.bytesPerReading)
    warn(
      value,
      "rule \(rule.id) keeps \(most.readings) readings of \(most.device.id) in memory (\(bytes >> 20) MiB): shorten its windows, or read a slower metric"
    )
  }

  private mutating func warnOfLacking(_ rule: Rule, _ lacking: [Device], _ why: String) {
    if lacking.isEmpty { return }
    warn(value, "rule \(rule.id) never holds for \(lacking.map(\.id).prefix(5).joined(separator: ", ")): \(why)")
  }

  private func fault(_ placed: PlacedExpression, _ offset: Int, _ message: String) {
    let place = placed.places.place(at: placed.offset + offset)
    value.faults.add(FileFault(file: value.file, line: place.line, column: place.column, message: message))
  }
}

/// Whether rules for groups load: not before the engine evaluates them, but for those who try the program alone.
package enum GroupRules {
  @TaskLocal package static var areTried = false
}
