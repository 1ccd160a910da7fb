import DeviceRegistry
import Foundation
import Readings
import RuleEngine
import Testing

@Suite struct LimitTests {
  private static let table = """
    regulation,parameter,averaging,op,value,unit,valid_from,valid_to,confidence,note
    QCVN 05:2023/BTNMT,PM2.5,24h,<=,50,ug/Nm3,2023-09-12,2025-12-31,read,
    QCVN 05:2023/BTNMT,PM2.5,24h,<=,45,ug/Nm3,2026-01-01,,read,"from 2026 on, ""stricter"", by law"
    QCVN 26:2010/BTNMT,LAeq,night,<=,55,dBA,2010-12-16,2025-05-14,read,
    """

  private static func registry() throws -> Registry {
    try RuleWorkshop.registry(files: [
      "profiles/p.yaml": "id: p\ndomain: environment\ninterval: 1h\nmetrics: {pm25: {unit: µg/m³}}\n", "sites.yaml": "sites: [{id: s}]",
      "d.yaml": "devices: [{id: own, profile: p, site: s, limits: {pm25_24h: 30, mine: 7}}, {id: plain, profile: p, site: s}]",
    ])
  }

  private static func at(_ text: String) throws -> Int64 { try #require(Timestamp(rfc3339: "\(text)+07:00")).milliseconds }

  private func read(_ rule: String, _ table: String? = LimitTests.table, registry: Registry? = nil) throws -> RuleBook {
    let sources = [("Rules/a.yaml", rule)] + (table.map { [("Rules/limits.csv", $0)] } ?? [])
    return try RuleFiles.read(sources: sources, registry: try registry ?? Self.registry())
  }

  private func faults(_ rule: String, _ table: String?) throws -> [String] {
    do {
      _ = try read(rule, table)
      return []
    } catch let error as FileFaults { return error.faults.map(\.description) }
  }

  private static let rule = "rules: [{id: r, when: 'mean(pm25, 1d) > limit(pm25_24h)', severity: info, message: '{limit(pm25_24h)}'}]"

  @Test("a limit is the row valid on T's day in Vietnam; a device's own comes first")
  func valid() throws {
    var shop = try RuleWorkshop(rules: Self.rule, registry: try Self.registry(), tables: [("Rules/limits.csv", Self.table)])
    let plain = try #require(shop.registry.deviceIndex("plain")), own = try #require(shop.registry.deviceIndex("own"))
    let days: [(String, Double?)] = [
      ("2023-09-11T23:59:59.999", nil), ("2023-09-12T00:00:00", 50), ("2025-12-31T23:59:59.999", 50), ("2026-01-01T00:00:00", 45),
      ("2099-01-01T00:00:00", 45),
    ]
    for (day, value) in days {
      let t = Timestamp(milliseconds: try Self.at(day))
      #expect(shop.values(plain, at: t.milliseconds)[1] == ConditionValue(text: "limit(pm25_24h)", value: value, decimals: 6), "\(day)")
      #expect(shop.values(own, at: t.milliseconds)[1].value == 30)
      let used = value.map {
        UsedLimit(
          name: "pm25_24h", regulation: "QCVN 05:2023/BTNMT", value: $0, unit: "ug/Nm3", validFrom: $0 == 50 ? "2023-09-12" : "2026-01-01")
      }
      #expect(shop.evaluator.limits(of: plain, at: t) == (used.map { [$0] } ?? []))
      #expect(
        shop.evaluator.limits(of: own, at: t) == [UsedLimit(name: "pm25_24h", regulation: nil, value: 30, unit: "ug/Nm3", validFrom: nil)])
    }
    let t = try Self.at("2025-12-31T12:00:00")
    for hour in 0..<24 { shop.put(plain, 0, ts: t - Int64(hour) * 3_600_000, 50) }
    #expect(shop.verdict(plain, at: t).when == .false)
    #expect(shop.message(plain, at: t).vi == "50")
    shop.put(plain, 0, ts: t + 1, 51)
    #expect(shop.verdict(plain, at: t + 1).when == .true)
  }

  @Test("a name that no row has is a fault with names like it; one that only some devices have is a warning")
  func unknownNames() throws {
    #expect(
      try faults("rules: [{id: r, when: last(pm25) > limit(pm25_24), severity: info}]", Self.table) == [
        "Rules/a.yaml:1:42: limits.csv has no limit pm25_24, and no device of this rule one of its own; did you mean pm25_24h?"
      ])
    #expect(
      try faults("rules: [{id: r, when: last(pm25) > limit(zzz), severity: info, message: '{limit(zzz)}'}]", nil).map { $0.suffix(30) }
        == ["its own; known: mine, pm25_24h", "its own; known: mine, pm25_24h"])
    let book = try read("rules: [{id: r, when: last(pm25) > limit(mine), severity: info}]")
    #expect(
      book.warnings.map(\.description) == [
        "Rules/a.yaml:1:9: rule r never holds for plain: limits.csv has no limit mine, nor have they one of their own"
      ])
  }

  @Test("a limit that ends, or has a gap, is a warning; one that all devices have themselves is none")
  func ends() throws {
    let noise = "rules: [{id: r, when: last(pm25) > limit(laeq_night), severity: info}]"
    #expect(
      try read(noise).warnings.map(\.description) == [
        "Rules/a.yaml:1:9: rule r does not hold from 2025-05-15 on: limits.csv has no row of laeq_night that is valid then"
      ])
    let later = Self.table + "\nQCVN 26:2025/BNNMT,LAeq,night,<=,50,dBA,2025-06-01,,memory,"
    #expect(
      try read(noise, later).warnings.map(\.message) == [
        "rule r does not hold from 2025-05-15 to 2025-05-31: limits.csv has no row of laeq_night that is valid then"
      ])
    #expect(try read(Self.rule).warnings.isEmpty)
  }

  @Test("faults of the tables name line and column, all at once")
  func tableFaults() throws {
    let head = "name,regulation,parameter,averaging,value,unit,valid_from,valid_to,confidence\n"
    let rows = """
      ,A,CO,1h,5,x,2025-13-01,,read
      ,A,CO,1h,6-15,x,,,read
      CO,A,CO,1h,5,x,,,read
      ,,CO,1h,5,x,,,read
      ,A,CO,1h,5,x,,,sure
      ,A,CO,8h,5,x,2025-02-01,2025-01-01,read
      ,A,CO,8h
      a,A,CO,1h,1,x,,2025-01-31,read
      a,B,CO,1h,2,x,2025-01-31,,read
      """
    #expect(
      try faults("rules: []", head + rows) == [
        "Rules/limits.csv:8:1: 4 fields, where the first line names 9 columns",
        "Rules/limits.csv:2:14: \"2025-13-01\" is no date: write 2026-01-31",
        "Rules/limits.csv:3:10: \"6-15\" is no number: one row holds one value, such as 50",
        "Rules/limits.csv:4:1: CO is no name: a lower-case letter, then lower-case letters, digits and \"_\"",
        "Rules/limits.csv:5:2: \"regulation\" is missing here",
        "Rules/limits.csv:6:16: expected read, secondary or memory, got \"sure\"",
        "Rules/limits.csv:7:25: the validity ends before it begins",
      ])
    #expect(
      try faults("rules: []", head + rows.split(separator: "\n").suffix(2).joined(separator: "\n")) == [
        "Rules/limits.csv:3:1: a is two limits at a time: this one of B, and that of line 2, A; give them names of their own"
      ])
    #expect(
      try faults("rules: []", "") == [
        "Rules/limits.csv: the file is empty: its first line names the columns regulation,parameter,averaging,value,unit,valid_from,valid_to,confidence"
      ])
    #expect(
      try faults("rules: []", "regulation,parameter,averaging,value,unit,valid_from,valid_to,confidence,vale\n") == [
        "Rules/limits.csv:1:74: no column \"vale\"; did you mean value?"
      ])
    #expect(try faults("rules: []", "regulation,regulation\n").count == 8)
    #expect(
      try faults("rules: []", head + "\"a,b\nc") == [
        "Rules/limits.csv:2:1: 1 fields, where the first line names 9 columns", "Rules/limits.csv:2:1: a quote without its closing quote",
      ])
  }

  @Test("holidays are dates with names; a day stands there once")
  func holidayFaults() throws {
    let registry = try Self.registry()
    do throws(FileFaults) {
      _ = try RuleFiles.read(
        sources: [
          (
            "Rules/holidays.csv",
            "date,name,confidence\r\n2026-02-30,Tết,memory\r\n2026-02-17,,read\r\n2026-01-01,a,read\r\n2026-01-01,b,read"
          )
        ],
        registry: registry)
      Issue.record("should not load")
    } catch {
      #expect(
        error.faults.map(\.description) == [
          "Rules/holidays.csv:2:1: \"2026-02-30\" is no date: write 2026-01-31", "Rules/holidays.csv:3:12: \"name\" is missing here",
          "Rules/holidays.csv:5:1: this day stands here twice",
        ])
    }
    let book = try RuleFiles.read(
      sources: [("a.yaml", "rules: [{id: r, when: holiday(), where: {device: own}, severity: info}]")], registry: try Self.registry())
    #expect(
      book.warnings.map(\.message) == ["rule r asks for holiday(), and holidays.csv has no day: none is a holiday"])
  }

  @Test("the tables of the checkout load: every row of the field's facts is there, each value by its name")
  func shipped() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    func rows(_ path: String) throws -> [[String]] {
      try String(contentsOf: root.appending(path: path), encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst()
        .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }
    let book = try RuleFiles.load(
      directory: root.appending(path: "Rules"), registry: try RegistryFiles.load(directory: root.appending(path: "Devices")))
    let limits = book.limits
    #expect(limits.rows.count == (try rows("Rules/limits.csv")).count)
    for fact in try rows("Tests/Fixtures/domain/limits.csv") {
      let values = fact[4].split(whereSeparator: { "|-".contains($0) }).compactMap { Double($0) }
      for value in values {
        let isThere = limits.rows.contains {
          $0.regulation == fact[0] && $0.parameter == fact[1] && $0.value == value && $0.unit == fact[5]
            && $0.validFrom == (fact[6].isEmpty ? nil : fact[6]) && $0.confidence == fact[8]
        }
        #expect(isThere, "\(fact)")
      }
    }
    let tet = Timestamp(milliseconds: try Self.at("2026-02-17T08:00:00"))
    #expect(limits.row(named: "pm25_24h", at: tet)?.value == 45)
    #expect(limits.row(named: "ch4_lel_25", at: tet)?.value == 1.25)
    #expect(book.holidays.name(at: tet) == "Tết Nguyên đán")
    #expect(book.holidays.count == 31)
  }
}
