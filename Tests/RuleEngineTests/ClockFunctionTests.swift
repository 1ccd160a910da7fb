import DeviceRegistry
import Foundation
import Readings
import RuleEngine
import TestSupport
import Testing

@Suite struct ClockFunctionTests {
  private static func at(_ text: String) throws -> Int64 { try #require(Timestamp(rfc3339: "\(text)+07:00")).milliseconds }

  private static func shop(_ when: String, tables: [(file: String, text: String)] = []) throws -> RuleWorkshop {
    try RuleWorkshop(
      rules: "rules: [{id: r, where: {device: bg-tr-001}, when: \"\(when)\", severity: info}]", registry: try RuleWorkshop.town(),
      tables: tables)
  }

  @Test(
    "between is half-open, and may cross midnight",
    arguments: [
      ("06:00, 22:00", "05:59:59.999", false), ("06:00, 22:00", "06:00:00", true), ("06:00, 22:00", "21:59:59.999", true),
      ("06:00, 22:00", "22:00:00", false), ("22:00, 06:00", "22:00:00", true), ("22:00, 06:00", "23:59:59", true),
      ("22:00, 06:00", "00:00:00", true), ("22:00, 06:00", "05:59:59.999", true), ("22:00, 06:00", "06:00:00", false),
      ("00:00, 12:00", "00:00:00", true), ("12:00, 00:00", "23:59:59.999", true), ("12:00, 00:00", "00:00:00", false),
    ])
  func between(times: String, clock: String, holds: Bool) throws {
    var shop = try Self.shop("between(\(times))")
    #expect(shop.verdict(at: try Self.at("2025-11-21T\(clock)")) == Verdict(when: holds ? .true : .false, clear: holds ? .false : .true))
  }

  @Test("a weekday is Monday to Friday in Vietnam, whether a holiday or not; a holiday is what the table says")
  func days() throws {
    let tables = [("Rules/holidays.csv", "date,name\n2025-09-02,Quốc khánh\n2025-09-01,Quốc khánh\n2026-01-01,Tết Dương lịch\n")]
    var weekday = try Self.shop("weekday()", tables: tables)
    var holiday = try Self.shop("holiday()", tables: tables)
    for (day, isWeekday, isHoliday) in [
      ("2025-08-29", true, false), ("2025-08-30", false, false), ("2025-08-31", false, false), ("2025-09-01", true, true),
      ("2025-09-02", true, true), ("2025-09-03", true, false), ("2026-01-01", true, true), ("1970-01-02", true, false),
      ("1970-01-03", false, false),
    ] {
      for clock in ["00:00:00", "12:00:00", "23:59:59.999"] {
        let t = try Self.at("\(day)T\(clock)")
        #expect(weekday.verdict(at: t).when == (isWeekday ? .true : .false), "\(day) \(clock)")
        #expect(holiday.verdict(at: t).when == (isHoliday ? .true : .false), "\(day) \(clock)")
      }
    }
    #expect(holiday.program.book.holidays.name(at: Timestamp(milliseconds: try Self.at("2026-01-01T08:00:00"))) == "Tết Dương lịch")
  }

  @Test("a device is online as its status topic said last, and unknown before it said anything")
  func online() throws {
    var shop = try Self.shop("online()")
    #expect(shop.verdict(at: 1000) == Verdict(when: .unknown, clear: .unknown))
    shop.evaluator.setOnline(device: 0, at: Timestamp(milliseconds: 5000), isOnline: true)
    #expect(shop.verdict(at: 6000).when == .true)
    shop.evaluator.setOnline(device: 0, at: Timestamp(milliseconds: 7000), isOnline: false)
    #expect(shop.verdict(at: 8000).when == .false)
    shop.evaluator.setOnline(device: 0, at: Timestamp(milliseconds: 6000), isOnline: true)
    #expect(shop.verdict(at: 8000).when == .false, "what was told before is passed over")
    shop.evaluator.headsChanged(device: 0)
    #expect(shop.verdict(at: 9000).when == .false)
  }

  @Test("status is that of the newest reading up to T, good or not")
  func status() throws {
    var shop = try Self.shop("status(speed) == '02' or status(speed) != 'range' and status(occupancy) == '01'")
    #expect(shop.verdict(at: 1000).when == .unknown)
    shop.put(0, 0, ts: 1000, .nan, .fault)
    shop.put(0, 0, ts: 2000, 900, .range)
    shop.put(0, 0, ts: 3000, 40, .measuring.moved)
    shop.put(0, 1, ts: 2500, 1, .calibrating)
    #expect(shop.verdict(at: 999).when == .unknown)
    #expect(shop.verdict(at: 1999).when == .true)
    #expect(shop.verdict(at: 2999).when == .false, "range")
    #expect(shop.verdict(at: 3000).when == .true)
    #expect(
      shop.values(at: 2999) == [
        ConditionValue(text: "status(speed)", value: 100, decimals: 0), ConditionValue(text: "status(occupancy)", value: 1, decimals: 0),
      ])
  }

  @Test("a message shows a status as devices send it")
  func statusInMessage() throws {
    var shop = try RuleWorkshop(
      rules:
        "rules: [{id: r, where: {device: bg-tr-001}, when: last(speed) > 1, severity: info, message: '{status(speed)}|{status(door)}'}]",
      registry: try RuleWorkshop.town())
    for (ts, quality, text) in [(1000, Quality.fault, "02|–"), (2000, .range.moved, "range|–"), (3000, .measuring, "00|–")]
      as [(Int64, Quality, String)]
    {
      shop.put(0, 0, ts: ts, 5, quality)
      #expect(shop.message(at: ts).en == text)
    }
  }

  // MARK: dark()

  private static func lamp(_ device: String, site: String) throws -> RuleWorkshop {
    try RuleWorkshop(
      rules: "rules: [{id: r, when: dark(), severity: info}]",
      registry: try RuleWorkshop.registry(files: [
        "profiles/p.yaml": "id: p\ndomain: lighting\ninterval: 1m\nmetrics: {power: {unit: W}}\n", "sites.yaml": "sites: [{id: s\(site)}]",
        "d.yaml": "devices: [{id: d, profile: p, site: s\(device)}]",
      ]))
  }

  @Test("it is dark when the sun is below −6°, within two minutes of the almanac's civil twilight")
  func almanac() throws {
    let here = ", location: {lat: 21.275, lon: 106.195}"
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/domain/sun.csv")
    let rows = try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst().map { $0.split(separator: ",") }
    #expect(rows.count == 8)
    var own = try Self.lamp(here, site: "")
    var ofSite = try Self.lamp("", site: here)
    for row in rows {
      for (column, before, after) in [(3, Truth.true, Truth.false), (4, .false, .true)] {
        let told = try Self.at("\(row[0])T\(row[column]):00")
        for (t, truth) in [(told - 120_000, before), (told + 120_000, after)] {
          #expect(own.verdict(at: t).when == truth, "\(row[0]) \(row[column])")
          #expect(ofSite.verdict(at: t).when == truth, "\(row[0]) \(row[column])")
        }
      }
      #expect(own.verdict(at: try Self.at("\(row[0])T12:00:00")).when == .false)
      #expect(own.verdict(at: try Self.at("\(row[0])T00:00:00")).when == .true)
    }
  }

  @Test("a device's own place counts before its site's; without any, dark is unknown, and the file is warned of")
  func places() throws {
    let noon = try Self.at("2025-06-21T12:00:00")
    var elsewhere = try Self.lamp(", location: {lat: 21.275, lon: -73}", site: ", location: {lat: 21.275, lon: 106.195}")
    #expect(elsewhere.verdict(at: noon).when == .true)
    var nowhere = try Self.lamp("", site: "")
    #expect(nowhere.verdict(at: noon) == Verdict(when: .unknown, clear: .unknown))
    #expect(
      nowhere.program.book.warnings.map(\.description) == [
        "Rules/test.yaml:1:9: rule r never holds for d: dark() needs a location, theirs or their site's"
      ])
  }
}
