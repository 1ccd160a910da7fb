import DeviceRegistry
import Readings
import RuleEngine
import TestSupport
import Testing

@Suite struct RuleEvaluatorTests {
  private static let minute: Int64 = 60_000

  @Test("a congestion rule, from its file to its verdict, evidence and message")
  func congestion() throws {
    var shop = try RuleWorkshop(rules: RuleFilesTests.congestion, registry: try RuleWorkshop.town())
    let start = try #require(Timestamp(rfc3339: "2025-11-21T07:32:00+07:00")).milliseconds
    #expect(shop.program.bindingCount == 2)
    #expect(shop.verdict(at: start) == Verdict(when: .unknown, clear: .unknown))
    for n in 0..<5 {
      shop.put(0, 0, ts: start + Int64(n) * Self.minute, [12, 12.5, 12.4, 12.6, 12.7][n])
      shop.put(0, 1, ts: start + Int64(n) * Self.minute, 41)
      // Two readings of a minute each cover two of five minutes: too little.
      #expect(shop.verdict(at: start + Int64(n) * Self.minute).when == (n < 2 ? .unknown : .true))
    }
    let t = start + 4 * Self.minute
    #expect(shop.verdict(at: t) == Verdict(when: .true, clear: .false))
    #expect(
      shop.values(at: t) == [
        ConditionValue(text: "mean(speed, 5m)", value: 12.44, decimals: 3),
        ConditionValue(text: "mean(occupancy, 5m)", value: 41, decimals: 4),
      ])
    #expect(
      shop.message(at: t)
        == BilingualText(
          vi: "Hùng Vương – Lý Thái Tổ: tốc độ trung bình 12,44 km/h", en: "Hùng Vương – Lý Thái Tổ: 12.44 km/h"))
    #expect(shop.message(1, at: t).en == "vy-tr-001: – km/h")
    for n in 5..<12 { shop.put(0, 0, ts: start + Int64(n) * Self.minute, 30) }
    #expect(shop.verdict(at: start + 11 * Self.minute) == Verdict(when: .false, clear: .true))
    let pending = shop.evaluator.evaluate(
      binding: 0, at: Timestamp(milliseconds: start + 11 * Self.minute), heads: shop.heads, needsClear: false)
    #expect(pending == Verdict(when: .false, clear: .unknown))
  }

  @Test("devices are bound in order of rule id; clock bindings in order of rule, then device; triggers name the metrics read")
  func bindings() throws {
    let shop = try RuleWorkshop(
      rules: """
        rules:
          - {id: z, where: {domain: traffic}, when: "last(occupancy) > 1 and age(door) > 5m", severity: info}
          - {id: a, when: "age(pm25) > 5m", severity: info}
          - {id: m, where: {site: viet-yen}, when: "last(speed) > 1", severity: info}
          - {id: b, where: {attributes: {free_flow: [40, 50]}}, when: "last(speed) > attr.free_flow", severity: info}
          - {id: n, where: {ward: "07210", device: [bg-tr-001]}, when: "age(speed) > 1m", severity: info}
        """, registry: try RuleWorkshop.town())
    let program = shop.program
    func ids(_ device: String) -> [String] {
      program.bindings(of: program.registry.deviceIndex(device)!).map { program.book.rules[program.rule(of: $0)].id }
    }
    #expect(ids("bg-tr-001") == ["b", "n", "z"])
    #expect(ids("vy-tr-001") == ["m", "z"])
    #expect(ids("vy-air-001") == ["a"])
    let clock = program.clockBindings.map {
      "\(program.book.rules[program.rule(of: $0)].id) \(program.registry.devices[program.device(of: $0)].id)"
    }
    #expect(clock == ["a vy-air-001", "n bg-tr-001", "z bg-tr-001", "z vy-tr-001"])
    let z = try #require(program.binding(device: 0, rule: 4))
    #expect(program.triggers(of: z) == 0b110)
    #expect(program.usesClock(z) && !program.usesClock(program.bindings(of: 0).lowerBound))
    #expect(program.binding(device: 0, rule: 0) == nil)
  }

  @Test("rules that ask for the same window have one")
  func windowsInCommon() throws {
    let shop = try RuleWorkshop(
      rules: """
        rules:
          - {id: a, when: "mean(speed, 5m) < 15", clear: "mean(speed, 300s) > 20 and count(speed, 5m) > 3", severity: info}
          - {id: b, when: "mean(speed, 5m) < 10", severity: info, message: "{mean(speed, 5m)} {max(speed, 5m)}"}
          - {id: c, when: "max(speed, 5m) < 10", severity: info}
        """, registry: try RuleWorkshop.town())
    #expect(shop.program.windowCount(of: 0) == 2)
  }

  @Test("age counts connected time from the newest reading or the registration, and is never unknown")
  func age() throws {
    var shop = try RuleWorkshop(
      rules: "rules: [{id: r, where: {device: vy-air-001}, when: age(pm25) > 10m, severity: info, message: '{age(pm25)}'}]",
      registry: try RuleWorkshop.town())
    let air = try #require(shop.registry.deviceIndex("vy-air-001"))
    shop.evaluator.setRegistered(device: air, at: Timestamp(milliseconds: 100 * Self.minute))
    func age(_ minutes: Int64) -> Double? { shop.values(at: minutes * Self.minute)[0].value.map { $0 / Double(Self.minute) } }
    #expect(age(90) == 0)
    #expect(age(105) == 5)
    shop.put(air, 0, ts: 110 * Self.minute, .nan, .fault)
    #expect(age(105) == 0)
    #expect(age(115) == 5)
    #expect(shop.verdict(at: 121 * Self.minute).when == .true)
    shop.evaluator.intake.down(at: Timestamp(milliseconds: 112 * Self.minute))
    #expect(age(121) == 2)
    shop.evaluator.intake.up(at: Timestamp(milliseconds: 120 * Self.minute))
    #expect(shop.verdict(at: 121 * Self.minute).when == .false)
    #expect(age(250) == 132)
    #expect(shop.message(at: 250 * Self.minute) == BilingualText(vi: "2 giờ 12 phút", en: "2 h 12 min"))
  }

  @Test("metrics that report on change need no cover; periodic ones need half a window; counts need none")
  func cover() throws {
    var shop = try RuleWorkshop(
      rules: """
        rules:
          - {id: r, where: {device: bg-tr-001}, severity: info,
             when: "mean(door, 1h) > 0 or mean(speed, 1h) > 0 or count(speed, 1h) > 90 or max(speed, 20m) > 90 or min(door, 1h) > 1"}
        """, registry: try RuleWorkshop.town())
    func shown(_ minutes: Int64) -> [Double?] { shop.values(at: minutes * Self.minute).map(\.value) }
    #expect(shown(100) == [nil, nil, 0, nil, nil])
    shop.put(0, 2, ts: 100 * Self.minute, 1)
    for n in 0..<29 { shop.put(0, 0, ts: (72 + Int64(n)) * Self.minute, 20) }
    #expect(shown(100) == [1, nil, 29, 20, 1])
    shop.put(0, 0, ts: 101 * Self.minute, 20, .calibrating)
    #expect(shown(101) == [1, nil, 29, 20, 1])
    shop.put(0, 0, ts: 102 * Self.minute, 20)
    #expect(shown(102) == [1, 20, 30, 20, 1])
  }

  @Test("a device's own interval decides what covers its windows")
  func ownInterval() throws {
    var shop = try RuleWorkshop(
      rules: "rules: [{id: r, where: {device: vy-air-001}, when: 'mean(pm25, 1h) > 50', severity: info}]", registry: try RuleWorkshop.town()
    )
    for n in 1...3 {
      shop.put(1, 0, ts: Int64(n) * 10 * Self.minute, 60)
      #expect(shop.registry.devices[1].id == "vy-air-001")
      #expect(shop.verdict(at: Int64(n) * 10 * Self.minute).when == (n < 3 ? .unknown : .true))
    }
  }

  @Test("a message names device, place and time, and what its device lacks as a dash")
  func messages() throws {
    let text =
      "{device.id}|{device.name}|{profile.name}|{site}|{site.name}|{zone}|{ward}|{rule.name}|{time}|{{x}}|{last(speed) / 3}|{mean(pm25, 1h)}|{attr.free_flow}|{count(speed, 1h)}"
    var shop = try RuleWorkshop(
      rules: "rules: [{id: r, name: {vi: Luật, en: Rule}, when: age(speed) < 1h or age(speed) > 2h, severity: info, message: \"\(text)\"}]"
        .replacing("age(speed) < 1h or age(speed) > 2h", with: "last(speed) > 0").replacing(
          "{mean(pm25, 1h)}", with: "{mean(occupancy, 1h)}"),
      registry: try RuleWorkshop.town())
    let t = try #require(Timestamp(rfc3339: "2025-11-21T07:32:10+07:00")).milliseconds
    shop.put(0, 0, ts: t, 20)
    let message = shop.message(at: t)
    #expect(
      message.vi
        == "bg-tr-001|Hùng Vương – Lý Thái Tổ|Ra-đa giao thông|bac-giang|Bắc Giang|hung-vuong|Phường Bắc Giang|Luật|21/11/2025 07:32|{x}|6,667|–|50|1"
    )
    #expect(
      message.en
        == "bg-tr-001|Hùng Vương – Lý Thái Tổ|Traffic radar|bac-giang|Bắc Giang|hung-vuong|Phường Bắc Giang|Rule|21/11/2025 07:32|{x}|6.667|–|50|1"
    )
  }

  @Test("numbers and durations for readers")
  func readers() {
    #expect(ReaderText.number(1234.5, decimals: 2, isVietnamese: true) == "1234,5")
    #expect(ReaderText.number(-0.001, decimals: 2, isVietnamese: false) == "0")
    #expect(ReaderText.number(.infinity, decimals: 2, isVietnamese: false) == "∞")
    #expect(ReaderText.duration(0, isVietnamese: true) == "0 giây")
    #expect(ReaderText.duration(90_061_000, isVietnamese: false) == "1 d 1 h")
    #expect(ReaderText.duration(86_460_000, isVietnamese: false) == "1 d")
    #expect(ReaderText.duration(-5_000, isVietnamese: true) == "-5 giây")
  }

  @Test("a new evaluator over the same readings says the same", arguments: 1...20 as ClosedRange<UInt64>)
  func recovers(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let rules = """
      rules:
        - {id: a, when: "mean(speed, 5m) < 50 and max(speed, 10m) > 90", clear: "min(speed, 3m) > 20 or last(speed) > 99", severity: info}
        - {id: b, when: "count(speed, 1h) > 10 and mean(speed, 30m) - mean(speed, 5m) > 2", severity: info}
      """
    var lived = try RuleWorkshop(rules: rules, registry: try RuleWorkshop.town())
    var stored: [(ts: Int64, value: Double)] = []
    for n in 0..<300 {
      let ts =
        (Int64(n) - (Int.random(in: 0..<5, using: &generator) == 0 ? Int64.random(in: 1...20, using: &generator) : 0)) * Self.minute + 1
      let value = Double.random(in: 0...100, using: &generator)
      stored.append((ts, value))
      lived.put(0, 0, ts: ts, value)
      _ = lived.verdict(0, at: ts)
      _ = lived.verdict(1, at: ts)
      guard n % 50 == 49 else { continue }
      var recovered = RuleWorkshop(program: lived.program)
      for reading in stored { recovered.put(0, 0, ts: reading.ts, reading.value) }
      for binding in 0...1 {
        #expect(recovered.verdict(binding, at: ts) == lived.verdict(binding, at: ts), "seed \(seed), reading \(n)")
        #expect(recovered.values(binding, at: ts) == lived.values(binding, at: ts), "seed \(seed), reading \(n)")
      }
    }
  }
}
