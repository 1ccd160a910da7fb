import DeviceRegistry
import Foundation
import RuleEngine
import Testing

/// What the loader says of rules that are not right, with file, line and column.
@Suite struct RuleFaultTests {
  private func faults(_ text: String) throws -> [String] {
    let registry = try RuleWorkshop.town()
    do {
      _ = try RuleFiles.read(sources: [("Rules/traffic.yaml", text)], registry: registry)
      return []
    } catch { return error.faults.map(\.description) }
  }

  private func faults(when: String) throws -> [String] {
    try faults("rules:\n  - id: r\n    where: {domain: traffic}\n    severity: minor\n    when: \(when)\n")
  }

  @Test(
    "a fault in a condition names the column inside of the expression",
    arguments: [
      ("mean(speed, 5) < 15", "5:23: mean wants a duration such as 5m, got 5"),
      ("mean(5m, 5m) < 15", "5:16: mean wants a metric such as speed, got 5m"),
      ("last(speed, 5m) < 15", "5:11: last wants 1 argument, last(metric), got 2"),
      ("mean(speed) < 15", "5:11: mean(number) is for groups: add for_each: zone, ward or site, or write mean(metric, duration)"),
      ("meen(speed, 5m) < 15", "5:11: no function meen; did you mean mean?"),
      ("mean(speed, 500d) < 15", "5:23: mean looks back at most 400d, got 500d"),
      ("mean(speed, 0s) < 15", "5:23: mean wants a duration above 0"),
      ("p95(speed, 2h) < 15", "5:22: p95 looks back at most 1h, got 2h"),
      ("speed < 15", "5:11: speed alone is no value: write last(speed) or mean(speed, 5m)"),
      ("mean < 15", "5:11: mean is a function: write mean(…)"),
      ("last(speed)", "5:11: a rule wants a condition here, got a number: last(speed)"),
      ("last(speed) < 5m", "5:25: last(speed) is a number: compare it with a number, not with 5m"),
      ("age(speed) > 10", "5:24: age(speed) is a duration: compare it with one such as 10m, not with 10"),
      ("last(speed) + 5m > 3", "5:25: \"+\" does not take a number and a duration: last(speed) + 5m"),
      ("(last(speed) > 3) + 1 > 2", "5:12: \"+\" wants numbers, got a condition: last(speed) > 3"),
      ("(last(speed) > 3) == 1", "5:12: last(speed) > 3 is a condition already: combine conditions with and, or, not"),
      ("last(speed) and last(speed) > 1", "5:11: \"and\" wants conditions, got a number: last(speed)"),
      ("not last(speed)", "5:15: \"not\" wants a condition, got a number: last(speed)"),
      ("status(speed) == 2", "5:28: status(speed) is a status text: compare it with one such as \"02\", not with 2"),
      ("status(speed) < '02'", "5:11: status texts compare with == and != alone"),
      ("between(1h, 06:00)", "5:19: between wants a time of day such as 06:00, got 1h"),
      ("last(sped) < 15", "5:16: no device of this rule measures sped; did you mean speed?"),
      ("last(speed) < attr.free_flo", "5:25: no device of this rule has a number as attr.free_flo; did you mean free_flow?"),
      ("last(speed) < attr.road", "5:25: no device of this rule has a number as attr.road; known: free_flow"),
      ("baseline(speed) > 0", "5:11: baseline is not yet supported"),
      ("last(speed) > 0 and deviation(speed) > 3", "5:31: deviation is not yet supported"),
      ("time_above(speed, 30, 1h) < 2", "5:39: time_above(speed, 30, 1h) is a duration: compare it with one such as 10m, not with 2"),
      ("share(last(speed) < 15) > 0.5", "5:11: share(condition) is for groups: add for_each: zone, ward or site"),
      ("\"last(speed) > = 3\"", "5:26: write == to compare"),
      ("'status(speed) == ''02'' and 5'", "5:40: \"and\" wants conditions, got a number: 5"),
      ("|\n      last(speed) > 1\n      and last(sped) > 1", "7:16: no device of this rule measures sped; did you mean speed?"),
      ("last(speed) > 1\n      and last(sped) > 1", "6:16: no device of this rule measures sped; did you mean speed?"),
      ("\"\"", "5:11: an expression is missing here"),
    ])
  func namesTheColumn(when: String, fault: String) throws {
    #expect(try faults(when: when) == ["Rules/traffic.yaml:\(fault)"])
  }

  @Test(
    "every function says what it wants",
    arguments: [
      ("last(5m) > 1", "5:16: last wants a metric such as speed, got 5m"),
      ("mean(speed, fast) > 1", "5:23: mean wants a duration such as 5m, got fast"),
      ("min(speed, 5m, 5m) > 1", "5:11: min wants 2 arguments, min(metric, duration), got 3"),
      ("max('speed', 5m) > 1", "5:15: max wants a metric such as speed, got \"speed\""),
      ("sum(speed, 5) > 1", "5:22: sum wants a duration such as 5m, got 5"),
      ("count(speed, 06:00) > 1", "5:24: count wants a duration such as 5m, got 06:00"),
      ("stddev(speed) > 1", "5:11: stddev wants 2 arguments, stddev(metric, duration), got 1"),
      ("p50(speed, 61m) > 1", "5:22: p50 looks back at most 1h, got 61m"),
      ("p95(last(speed), 5m) > 1", "5:15: p95 wants a metric such as speed, got last(speed)"),
      ("delta(speed, 401d) > 1", "5:24: delta looks back at most 400d, got 401d"),
      ("increase(speed, -5m) > 1", "5:27: increase wants a duration such as 5m, got -5m"),
      ("flat(speed) and last(speed) > 1", "5:11: flat wants 2 arguments, flat(metric, duration), got 1"),
      ("flat(speed, 1h) > 0", "5:11: flat(speed, 1h) is a condition already: combine conditions with and, or, not"),
      ("hour_mean(speed, 1h) > 1", "5:11: hour_mean wants 1 argument, hour_mean(metric), got 2"),
      ("slope(speed, 0m) > 1", "5:24: slope wants a duration above 0"),
      ("forecast(speed, 1h) > 1", "5:11: forecast wants 3 arguments, forecast(metric, duration, horizon), got 2"),
      ("forecast(speed, 1h, 30) > 1", "5:31: forecast wants a duration such as 5m, got 30"),
      ("forecast(speed, 1h, 500d) > 1", "5:31: forecast looks ahead at most 400d, got 500d"),
      ("time_above(speed, 1h, 5m) < 2h", "5:29: time_above wants a number such as 15, got 1h"),
      ("time_above(speed, 50, 5) < 2h", "5:33: time_above wants a duration such as 5m, got 5"),
      ("time_below(speed, 15) < 2h", "5:11: time_below wants 3 arguments, time_below(metric, number, duration), got 2"),
      ("fit(15, 5m) > 0.8", "5:15: fit wants a metric such as speed, got 15"),
      ("age(speed, 5m) > 1m", "5:11: age wants 1 argument, age(metric), got 2"),
      ("online(speed)", "5:11: online wants no argument, online(), got 1"),
      ("status() == '02'", "5:11: status wants 1 argument, status(metric), got 0"),
      ("status(speed) == '2'", "5:28: \"2\" is no status: write two digits such as \"02\", or \"range\""),
      ("status(speed)", "5:11: a rule wants a condition here, got a status text: status(speed)"),
      ("between(06:00, 22)", "5:26: between wants a time of day such as 06:00, got 22"),
      ("between(06:00, 6:00)", "5:26: between wants two different times: all day needs no condition"),
      ("weekday(1)", "5:11: weekday wants no argument, weekday(), got 1"),
      ("holiday > 1", "5:11: holiday is a function: write holiday(…)"),
      ("dark(06:00)", "5:11: dark wants no argument, dark(), got 1"),
      ("last(speed) > limit('pm25')", "5:31: limit wants the name of a limit such as pm25_24h, got \"pm25\""),
      ("last(speed) > limit(PM25)", "5:31: PM25 is no name: a lower-case letter, then lower-case letters, digits and \"_\""),
      ("last(speed) > limit()", "5:25: limit wants 1 argument, limit(limit), got 0"),
      ("last(speed) > attr.Free", "5:25: no device of this rule has a number as attr.Free; known: free_flow"),
    ])
  func teachesFunctions(when: String, fault: String) throws {
    #expect(try faults(when: when) == ["Rules/traffic.yaml:\(fault)"])
  }

  @Test("lines may end as Windows ends them")
  func countsLinesOfWindows() throws {
    let text = "rules:\n  - id: r\n    where: {domain: traffic}\n    severity: minor\n    when: last(speed) < 1 and last(sped) < 1\n"
    #expect(
      try faults(text.replacingOccurrences(of: "\n", with: "\r\n")) == [
        "Rules/traffic.yaml:5:36: no device of this rule measures sped; did you mean speed?"
      ])
  }

  @Test("every fault of a file is told at once, each at its place")
  func tellsAll() throws {
    let found = try faults(
      """
      rules:
        - id: first
          where: {domain: traffic, sit: bac-giang}
          when: mean(speed, 5) < 15 and mean(occupancy, 5) > 3
          hold: 3
          severity: mayor
          message: {vi: "Tốc độ {mean(speed, 5)}", en: "Speed {speed}, {device.nam}, {last(speed"}
        - id: First
        - where: {}
        - id: third
          when: last(speed) > 1
      """)
    #expect(
      found == [
        "Rules/traffic.yaml:3:30: unknown key \"sit\"; known here: attributes, device, domain, profile, site, ward, zone",
        "Rules/traffic.yaml:4:23: mean wants a duration such as 5m, got 5",
        "Rules/traffic.yaml:4:51: mean wants a duration such as 5m, got 5",
        "Rules/traffic.yaml:5:11: expected a duration such as 30s, 5m, 1h or 1d, got \"3\"",
        "Rules/traffic.yaml:6:15: expected info, minor, major, critical, got \"mayor\"",
        "Rules/traffic.yaml:7:40: mean wants a duration such as 5m, got 5",
        "Rules/traffic.yaml:7:58: {speed} is unknown: write an expression such as {mean(speed, 5m)}, or {device.id}, {device.name}, "
          + "{profile.name}, {site}, {site.name}, {zone}, {ward}, {rule.name}, {time}",
        "Rules/traffic.yaml:7:67: {device.nam} is unknown; did you mean device.name or device.id?",
        "Rules/traffic.yaml:7:80: \"{\" without its \"}\"; write {{ for a brace",
        "Rules/traffic.yaml:8:9: \"First\" is no identifier: lower-case letters, digits, \"-\", \"_\" and \".\", 1 to 64 of them",
        "Rules/traffic.yaml:9:5: \"id\" is missing in this rule",
        "Rules/traffic.yaml:10:5: \"severity\" is missing in this rule",
      ])
  }

  @Test("a message may only ask what some device of its rule measures")
  func checksMessages() throws {
    let found = try faults(
      """
      rules:
        - id: r
          where: {profile: traffic-radar}
          when: last(speed) < 15
          severity: minor
          message: "{mean(pm25, 5m)} {last(speed) > 1}"
      """)
    #expect(found == ["Rules/traffic.yaml:6:33: a message shows values, got a condition: last(speed) > 1"])
    let metric = try faults("rules: [{id: r, where: {domain: traffic}, when: last(speed) < 15, severity: minor, message: '{last(pm25)}'}]")
    #expect(metric == ["Rules/traffic.yaml:1:100: no device of this rule measures pm25; known: door, occupancy, speed"])
  }

  @Test("what a rule says of the life of its alerts is checked")
  func checksPolicies() throws {
    let right = """
      rules:
        - id: r
          where: {domain: traffic}
          when: last(speed) < 15
          severity: minor
          escalate: [{severity: critical, when: "mean(speed, 15m) < 8", hold: 5m}]
          inhibited_by: [{rule: s, same: site}]
          flapping: {turns: 6, within: 1h}
          remind: 30m
        - {id: s, when: last(speed) < 1, severity: major}
      """
    #expect(try faults(right) == [])
    #expect(
      try faults(right.replacingOccurrences(of: "remind: 30m", with: "remind: 30s")) == [
        "Rules/traffic.yaml:9:13: reminders come at whole minutes: at least 1m"
      ])
    let wrong = right.replacingOccurrences(of: "15m) < 8", with: "15) < 8").replacingOccurrences(of: "rule: s", with: "rule: rr")
      .replacingOccurrences(of: "turns: 6", with: "turns: 1").replacingOccurrences(of: "30m", with: "x")
    #expect(
      try faults(wrong) == [
        "Rules/traffic.yaml:6:56: mean wants a duration such as 5m, got 15",
        "Rules/traffic.yaml:8:23: expected a whole number from 2 to 1000, got \"1\"",
        "Rules/traffic.yaml:9:13: expected a duration such as 30s, 5m, 1h or 1d, got \"x\"",
        "Rules/traffic.yaml:7:27: no rule rr; did you mean r?",
      ])
  }

  @Test("rules that inhibit others are evaluated before them, and may not inhibit one another in a circle")
  func ordersInhibitors() throws {
    func rules(_ inhibitors: [(String, String?)]) -> String {
      "rules:\n"
        + inhibitors.map { id, by in
          let inhibited = by.map { ", inhibited_by: [{rule: \($0), same: site}]" } ?? ""
          return "  - {id: \(id), where: {domain: traffic}, when: last(speed) < 1, severity: info\(inhibited)}\n"
        }.joined()
    }
    let book = try RuleFiles.read(
      sources: [("a.yaml", rules([("a", "d"), ("b", nil), ("c", "a"), ("d", nil), ("e", "a")]))], registry: try RuleWorkshop.town())
    #expect(book.rules.map(\.id) == ["b", "d", "a", "c", "e"])
    #expect(
      try faults(rules([("a", nil), ("c", "d"), ("d", "b"), ("b", "c")])) == [
        "Rules/traffic.yaml:5:5: rules inhibit one another in a circle: b by c by d by b"
      ])
    #expect(try faults(rules([("a", "a")])) == ["Rules/traffic.yaml:2:5: rules inhibit one another in a circle: a by a"])
  }

  @Test("rules for groups are checked as such")
  func checksGroups() throws {
    func group(_ when: String) throws -> [String] {
      try faults("rules:\n  - id: r\n    for_each: zone\n    where: {domain: traffic}\n    severity: minor\n    when: \(when)\n")
    }
    #expect(try group("share(last(speed) < 15) > 0.5").isEmpty)
    #expect(
      try group("last(speed) < 15") == [
        "Rules/traffic.yaml:6:11: last(…) is a member's value: put it inside count(…), share(…) or mean(…)"
      ])
    #expect(
      try group("count(count(last(speed) < 15) > 2) > 1") == [
        "Rules/traffic.yaml:6:17: count(condition) cannot stand inside of another group's function"
      ])
    let wrong = [
      ("online() and dark()", "6:11: online(…) is a member's value: put it inside count(…), share(…) or mean(…)"),
      ("share(last(speed)) > 0.5", "6:17: share wants a condition such as last(speed) < 15, got last(speed)"),
      ("count(speed, 5m) > 3", "6:11: count(…) is a member's value: put it inside count(…), share(…) or mean(…)"),
      ("count(15) > 3", "6:17: count wants a condition such as last(speed) < 15, got 15"),
      ("mean(speed) > 3", "6:16: mean wants a number such as 15, got speed"),
      ("mean(last(speed) > 1) > 3", "6:16: mean wants a number such as 15, got last(speed) > 1"),
      ("mean(attr.free_flow) > attr.free_flow", "6:34: an attribute is a member's: put it inside count(…), share(…) or mean(…)"),
    ]
    for (when, fault) in wrong {
      #expect(try group(when) == ["Rules/traffic.yaml:\(fault)"], "\(when)")
    }
  }

  @Test("an id may be given once, over all files")
  func idsAreUnique() throws {
    let registry = try RuleWorkshop.town()
    let rule = "rules:\n  - {id: r, where: {domain: traffic}, when: last(speed) < 1, severity: info}\n"
    #expect {
      try RuleFiles.read(sources: [("a.yaml", rule), ("b.yaml", rule)], registry: registry)
    } throws: { "\($0)" == "b.yaml:2:5: rule r is defined twice: the first stands in a.yaml:2" }
  }

  @Test("no device with all of a rule's metrics is a fault; no device at all, or a name nobody has, is a warning")
  func warnsOfIdleRules() throws {
    #expect(
      try faults("rules: [{id: r, when: last(speed) < last(pm25), severity: info}]").map(\.description) == [
        "Rules/traffic.yaml:1:23: no device of this rule measures all of speed, pm25"
      ])
    let book = try RuleFiles.read(
      sources: [
        ("a.yaml", "rules: [{id: r, where: {site: bac-gang, zone: [hung-vuong, x]}, when: last(nothing) < 1, severity: info}]"),
        ("b.yaml", "rule: []"),
      ], registry: try RuleWorkshop.town())
    #expect(book.rules.map(\.id) == ["r"])
    #expect(
      book.warnings.map(\.description) == [
        "a.yaml:1:31: no device has site bac-gang; did you mean bac-giang?",
        "a.yaml:1:60: no device has zone x; known: hung-vuong", "a.yaml:1:9: rule r matches no device: it never rings",
        "b.yaml:1:1: has no top key \"rules\", and is not read",
      ])
  }
}
