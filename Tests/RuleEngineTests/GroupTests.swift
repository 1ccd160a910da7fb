import DeviceRegistry
import Readings
import RuleEngine
import SeriesStore
import TestSupport
import Testing

/// Rules for groups: which there are, who is in them, and what is said of the members.
@Suite struct GroupTests {
  private static let minute: Int64 = 60_000

  /// Detectors `t0`, `t1`, … of two zones and two sites, and a meter.
  private static func registry(detectors: Int) throws -> Registry {
    let rows = (0..<detectors).map { n in
      "  - {id: t\(n < 10 ? "0" : "")\(n), profile: radar, site: \(n % 4 == 3 ? "south" : "north"), zone: \(n % 2 == 0 ? "even" : "odd"), attributes: {free_flow: \(40 + n)}}"
    }
    return try RuleWorkshop.registry(files: [
      "profiles/radar.yaml":
        "id: radar\ndomain: traffic\ninterval: 1m\nmetrics: {speed: {unit: km/h, resolution: 0.1}, queue: {unit: m}}\n",
      "profiles/meter.yaml": "id: meter\ndomain: power\ninterval: 1m\nmetrics: {power: {unit: W}}\n",
      "sites.yaml": "sites: [{id: north, name: Bắc, location: {lat: 21, lon: 106}}, {id: south, name: Nam}]",
      "d.yaml": "devices:\n" + rows.joined(separator: "\n") + "\n  - {id: m, profile: meter, site: north}\n",
    ])
  }

  private static func shop(_ rule: String, detectors: Int = 6) throws -> RuleWorkshop {
    try RuleWorkshop(rules: "rules:\n" + rule, registry: try registry(detectors: detectors))
  }

  @Test("groups are made of the devices that a rule is for, in order of (rule, subject), behind all devices' bindings")
  func groups() throws {
    let shop = try Self.shop(
      """
        - {id: b, for_each: site, where: {domain: traffic}, when: "share(last(speed) < 15 and mean(queue, 5m) > 1) > 0.5", severity: info}
        - {id: c, where: {site: south}, when: age(speed) > 1h, severity: info}
        - {id: a, for_each: zone, when: "count(last(speed) < 15) > 1", severity: info}
      """)
    let program = shop.program
    #expect((program.deviceBindingCount, program.bindingCount) == (1, 6))
    #expect(program.groups.map(\.subject) == ["north/zone/even", "north/zone/odd", "south/zone/odd", "north", "south"])
    #expect(program.groups.map(\.members) == [[1, 3, 5], [2, 6], [4], [1, 2, 3, 5, 6], [4]])
    #expect(program.groups.map(\.zone) == ["even", "odd", "odd", nil, nil])
    #expect((0..<6).map { program.group(of: $0) } == [nil, 0, 1, 2, 3, 4])
    #expect((0..<6).map { program.rule(of: $0) } == [2, 0, 0, 0, 1, 1])
    #expect(program.subject(of: 0) == "south/traffic/t03" && program.subject(of: 2) == "north/zone/odd")
    #expect(program.members(of: 0) == [] && program.members(of: 1) == [1, 3, 5])
    // By rule, then by subject: a's zones, b's sites, then c's device.
    #expect(program.clockBindings == [1, 2, 3, 4, 5, 0])
    func links(_ device: Int) -> [[UInt64]] {
      program.memberLinks(of: device).map { [UInt64(program.groupBinding(ofLink: $0)), program.groupTriggers(ofLink: $0)] }
    }
    #expect(links(0) == [])
    #expect(links(1) == [[1, 0b01], [4, 0b11]])
    #expect(links(4) == [[3, 0b01], [5, 0b11]])
    #expect(program.bindings(of: 4) == 0..<1 && program.bindings(of: 1).isEmpty)
    #expect(program.book.rules.map(\.usesClock) == [true, true, true])
  }

  @Test("a share is of the known members, unknown below the quorum; a count of nothing is 0; a mean is of the known")
  func tallies() throws {
    var shop = try Self.shop(
      """
        - {id: a, for_each: site, quorum: 0.6, where: {site: north}, severity: info,
           when: "share(last(speed) < 15) > 0.5 or count(last(speed) < 15) > 2 or mean(last(speed)) < 15 or mean(2 * attr.free_flow) > 0"}
      """)
    func shown() -> [Double?] { shop.values(0, at: 1000).map(\.value) }
    #expect(shop.program.groups[0].members == [0, 1, 2, 4, 5].map { $0 + 1 })
    #expect(shown() == [nil, 0, nil, 84.8])
    #expect(shop.verdict(at: 1000).when == .true)
    for (n, device) in [1, 2].enumerated() { shop.put(device, 0, ts: 900, 10.1 + Double(n)) }
    #expect(shown() == [nil, 2, 10.6, 84.8], "two of five are fewer than six tenths")
    shop.put(3, 0, ts: 900, 20)
    #expect(shown() == [2.0 / 3, 2, 13.733333333333, 84.8].map { Optional($0) }.enumerated().map { $0 == 2 ? shown()[2] : $1 })
    #expect(abs((shown()[2] ?? 0) - 41.2 / 3) < 1e-9)
    shop.put(5, 0, ts: 900, 1)
    #expect(shown().prefix(2) == [0.75, 3])
    #expect(shop.values(0, at: 1000).map(\.decimals) == [4, 0, 3, 2])
  }

  @Test("a group's rule may look at the clock, at its site's sky and at limits; its message names the group")
  func groupTerms() throws {
    var shop = try RuleWorkshop(
      rules: """
        rules:
          - id: a
            for_each: zone
            where: {domain: traffic}
            when: dark() and count(last(speed) > limit(speed_max)) >= limit(most) and weekday()
            severity: info
            message: "{group}|{group.count}|{zone}|{ward}|{site}|{site.name}|{rule.name}|{count(last(speed) > limit(speed_max))}|{limit(most)}"
        """, registry: try Self.registry(detectors: 6),
      tables: [
        (
          "limits.csv",
          "name,regulation,parameter,averaging,value,unit,valid_from,valid_to,confidence\nspeed_max,A,v,now,50,km/h,,,read\nmost,A,n,now,1,1,,,memory\n"
        )
      ])
    let night = try #require(Timestamp(rfc3339: "2025-11-21T23:00:00+07:00")).milliseconds
    for device in 1...6 { shop.put(device, 0, ts: night - 1, 60) }
    #expect((0..<3).map { shop.verdict($0, at: night).when } == [.true, .true, .unknown], "the south has no place")
    #expect(shop.verdict(0, at: night + 12 * 3_600_000).when == .false)
    #expect(shop.message(0, at: night).vi == "even|3|even|–|north|Bắc|a|3|1")
    #expect(shop.evaluator.limits(of: 0, at: Timestamp(milliseconds: night)).map(\.name) == ["speed_max", "most"])
    #expect(
      shop.values(0, at: night) == [
        ConditionValue(text: "count(last(speed) > limit(speed_max))", value: 3, decimals: 0),
        ConditionValue(text: "limit(most)", value: 1, decimals: 6),
      ])
    #expect(shop.evaluator.forecast(of: 0, at: Timestamp(milliseconds: night), heads: shop.heads) == nil)
  }

  @Test("the headline of a group is its first mean: a share is no value of a metric")
  func headline() throws {
    func headline(_ when: String) throws -> Rule.Headline? {
      try Self.shop("  - {id: a, for_each: site, when: \"\(when)\", severity: info}").program.book.rules[0].headline
    }
    #expect(try headline("share(last(speed) < 15) > 0.5") == nil)
    #expect(
      try headline("count(last(queue) < 15) > 1 and mean(mean(speed, 5m)) < 15")
        == Rule.Headline(metric: "speed", text: "mean(mean(speed, 5m))"))
  }

  @Test("a device is a member of the ward that it stands in at T")
  func wards() throws {
    let registry = try RuleWorkshop.registry(files: [
      "profiles/radar.yaml": "id: radar\ndomain: traffic\ninterval: 1m\nmetrics: {speed: {unit: km/h}}\n", "sites.yaml": "sites: [{id: s}]",
      "wards.yaml": """
      wards:
        - {code: "07210", valid_from: 2020-01-01, valid_to: 2025-06-30, name: Hoàng Văn Thụ}
        - {code: "07210", valid_from: 2025-07-01, name: Bắc Giang}
      """,
      "d.yaml": """
      devices:
        - id: moves
          profile: radar
          site: s
          ward: [{code: "07210", valid_from: 2020-01-01}, {code: "07210", valid_from: 2025-07-01, since: 2025-07-01}]
        - {id: new, profile: radar, site: s, ward: {code: "07210", valid_from: 2025-07-01}}
        - {id: none, profile: radar, site: s}
      """,
    ])
    var shop = try RuleWorkshop(
      rules: "rules: [{id: r, for_each: ward, when: count(last(speed) > 1) > 1, severity: info, message: '{group} {ward} {group.count}'}]",
      registry: registry)
    let change = try #require(Timestamp(rfc3339: "2025-07-01T00:00:00+07:00"))
    #expect(shop.program.groups.map(\.subject) == ["s/ward/07210@2020-01-01", "s/ward/07210@2025-07-01"])
    #expect(shop.program.groups.map(\.members) == [[0], [0, 1]])
    #expect(shop.program.members(ofGroup: 0, at: change - 1) == [0] && shop.program.members(ofGroup: 1, at: change - 1) == [1])
    #expect(shop.program.members(ofGroup: 0, at: change) == [] && shop.program.members(ofGroup: 1, at: change) == [0, 1])
    for device in 0...2 { shop.put(device, 0, ts: change.milliseconds - 1000, 5) }
    func counts(_ t: Timestamp) -> [Double?] { (0...1).map { shop.values($0, at: t.milliseconds)[0].value } }
    #expect(counts(change - 1) == [1, 1])
    #expect(counts(change) == [0, 2])
    #expect(counts(change - 1) == [1, 1], "T may go back")
    #expect(shop.message(0, at: change.milliseconds).vi == "Hoàng Văn Thụ Hoàng Văn Thụ 0")
    #expect(shop.message(1, at: change.milliseconds).vi == "Bắc Giang Bắc Giang 2")
  }

  @Test(
    "what is kept of members never tells: random readings, outages and registrations, at times that go both ways",
    arguments: 1...30 as ClosedRange<UInt64>)
  func remembersRightly(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let rules = """
        - {id: a, for_each: site, when: "share(mean(speed, 5m) < 50) > 0.5 and count(age(queue) > 3m) > 1", clear: "mean(max(speed, 3m)) > 60", severity: info}
        - {id: b, for_each: zone, when: "share(online() or last(queue) > 50) > 0.3", severity: info, message: "{mean(last(queue) - last(speed))}"}
      """
    var lived = try Self.shop(rules, detectors: 8)
    let program = lived.program
    var stored: [(device: Int, metric: Int, ts: Int64, value: Double)] = []
    var online: [Int: Bool] = [:]
    var now: Int64 = 1_000_000
    for step in 0..<150 {
      now += ([0, 0, 1, 20_000, 60_000] as [Int64]).randomElement(using: &generator) ?? 0
      switch Int.random(in: 0..<12, using: &generator) {
      case 0:
        if lived.evaluator.intake.isDown {
          lived.evaluator.intake.up(at: Timestamp(milliseconds: now))
        } else {
          lived.evaluator.intake.down(at: Timestamp(milliseconds: now))
        }
      case 1:
        let device = Int.random(in: 1...8, using: &generator)
        online[device] = Bool.random(using: &generator)
        lived.evaluator.setOnline(device: device, at: Timestamp(milliseconds: now), isOnline: online[device] == true)
      default:
        let late = Int.random(in: 0..<4, using: &generator) == 0 ? Int64.random(in: 0...200_000, using: &generator) : 0
        let reading = (
          Int.random(in: 1...8, using: &generator), Int.random(in: 0...1, using: &generator), now - late,
          Double.random(in: 0...100, using: &generator).rounded()
        )
        stored.append(reading)
        lived.put(reading.0, reading.1, ts: reading.2, reading.3)
      }
      let t = now - (([0, 0, 0, 1000, 90_000] as [Int64]).randomElement(using: &generator) ?? 0)
      var fresh = RuleWorkshop(program: program)
      for reading in stored { fresh.put(reading.device, reading.metric, ts: reading.ts, reading.value) }
      fresh.evaluator.intake = lived.evaluator.intake
      for (device, isOnline) in online { fresh.evaluator.setOnline(device: device, at: Timestamp(milliseconds: 0), isOnline: isOnline) }
      for binding in 0..<program.bindingCount where Bool.random(using: &generator) || step % 10 == 0 {
        #expect(
          lived.verdict(binding, at: t) == fresh.verdict(binding, at: t), "seed \(seed), step \(step), \(program.subject(of: binding))")
        #expect(lived.values(binding, at: t) == fresh.values(binding, at: t), "seed \(seed), step \(step)")
        #expect(lived.message(binding, at: t) == fresh.message(binding, at: t), "seed \(seed), step \(step)")
      }
    }
  }

  @Test("a rule for groups that no device can be in is a fault")
  func noGroup() throws {
    func fault(_ rule: String) throws -> [String] {
      do {
        _ = try Self.shop(rule)
        return []
      } catch let error as FileFaults { return error.faults.map(\.message) }
    }
    #expect(
      try fault("  - {id: a, for_each: ward, when: count(last(speed) > 1) > 1, severity: info}") == ["no device of this rule has a ward"])
    #expect(
      try fault("  - {id: a, for_each: site, when: count(last(speed) > 1) > 1, severity: info, message: '{device.id}'}").first?
        .hasPrefix("{device.id} is unknown") == true)
    #expect(
      try fault("  - {id: a, when: last(speed) > 1, severity: info, message: '{group}'}").first?.hasPrefix("{group} is unknown") == true)
  }
}
