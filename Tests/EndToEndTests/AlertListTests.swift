import Alerting
import Database
import Gateway
import Readings
import Simulation
import TestSupport
import Testing

/// `thuong alerts list`, and ids that are given by their beginning, on a store with alerts of every kind.
@Suite struct AlertListTests {
  private struct Town {
    let directory: Simulation.TemporaryDirectory
    let alerts: [AlertRecord]
    let seed = UInt64.random(in: 0...UInt64.max)

    /// 40 alerts of random severities, times and states, of which seven begin alike, and two of these in even more.
    init() throws {
      directory = try Simulation.TemporaryDirectory(prefix: "thuong-alert-list")
      var random = TestSupport.SeededGenerator(seed: seed)
      alerts = (0..<40).map { number in
        let hash = AlertIdentity.derive(["\(number)"])
        let id = number < 2 ? "abcdefg\(hash.prefix(19))" : number < 7 ? "abcdef\(7 - number)\(hash.prefix(19))" : "z\(hash.prefix(25))"
        let raised = Timestamp(milliseconds: SmallTown.start + Int64.random(in: 0..<10, using: &random) * 60_000)
        let isOpen = Bool.random(using: &random)
        let severity = Severity.allCases.randomElement(using: &random) ?? .info
        return AlertRecord(
          id: id, rule: "r", ruleVersion: "1", subject: "bac-giang/traffic/k-\(number)", device: "k-\(number)", site: "bac-giang",
          domain: "traffic", severity: severity, state: isOpen ? "raised" : "cleared", revision: 1, breachedAt: raised, raisedAt: raised,
          clearedAt: isOpen ? nil : raised + 1000, message: BilingualText(vi: "Chậm", en: "Slow"))
      }
      let store = try GatewayStore(directory: directory.path, durability: .normal, sinks: [])
      try store.file.commit { [alerts] db in for alert in alerts { try AlertTable.store(alert, db) } }
    }

    func run(_ words: String) async throws -> ThuongCommand {
      try await ThuongCommand(words.split(separator: " ").map(String.init) + ["--data", directory.path])
    }

    static func isNewer(_ a: AlertRecord, _ b: AlertRecord) -> Bool {
      (a.raisedAt.milliseconds, a.id) > (b.raisedAt.milliseconds, b.id)
    }

    /// Open ones by severity, then ended ones; each newest first.
    static func isMoreUrgent(_ a: AlertRecord, _ b: AlertRecord) -> Bool {
      if a.state != b.state { return a.state == "raised" }
      if a.state == "raised", a.severity != b.severity { return a.severity > b.severity }
      return isNewer(a, b)
    }
  }

  @Test func `The table has the gravest open alerts first, then the newest, whatever the limit; JSON has the newest first`() async throws {
    let town = try Town()
    for (options, isAsked): (String, (AlertRecord) -> Bool) in [
      ("", { $0.state == "raised" }), (" --state all", { _ in true }), (" --state cleared", { $0.state == "cleared" }),
      (" --state all --severity major", { $0.severity == .major }),
    ] {
      let asked = town.alerts.filter(isAsked)
      for limit in [1, 7, 100] {
        let table = try await town.run("alerts list --limit \(limit)\(options)")
        let ids = table.lines.dropFirst().prefix(min(limit, asked.count)).map { String($0.prefix { $0 != " " }) }
        #expect(
          ids == asked.sorted(by: Town.isMoreUrgent).prefix(limit).map(\.id), "seed \(town.seed), \(options), \(limit): \(table.text)")
        let json = try await town.run("alerts list --format json --limit \(limit)\(options)")
        let newest = asked.sorted(by: Town.isNewer).prefix(limit).map { #"{"id":"\#($0.id)","# }
        #expect(json.lines.count == newest.count && zip(json.lines, newest).allSatisfy { $0.hasPrefix($1) }, "seed \(town.seed)")
      }
    }
    #expect(try await ThuongCommand(["alerts", "list", "--help"]).text.contains("the gravest first"))
  }

  @Test func `An alert is shown by the beginning of its id; of one that several begin with, five are named`() async throws {
    let town = try Town()
    let ids = town.alerts.map(\.id).sorted()
    let alone = try #require(ids.last)
    for length in [6, 9, 25, 26] {
      let shown = try await town.run("alerts show \(alone.prefix(length))")
      #expect(shown.code == 0 && shown.text.hasPrefix("\(alone)  r  "), "\(length): \(shown.text)")
    }
    let seven = try await town.run("alerts show abcdef")
    #expect(seven.code == 2)
    let five = ids.prefix(5).joined(separator: ", ")
    #expect(seven.text == "thuong: abcdef is the beginning of several alerts: \(five) and more; give more characters\n")
    let two = try await town.run("alerts ack abcdefg --by Lan")
    let both = ids.filter { $0.hasPrefix("abcdefg") }.joined(separator: ", ")
    #expect(two.code == 2 && two.text == "thuong: abcdefg is the beginning of several alerts: \(both); give more characters\n")
    let short = try await town.run("alerts close \(alone.prefix(5)) --by Lan")
    #expect(short.code == 2 && short.lines.count == 1 && short.text.contains("give its first 6 characters at least"), "\(short.text)")
    let unknown = try await town.run("alerts show yyyyyyy")
    #expect(unknown.code == 2 && unknown.text.contains("no alert of the id yyyyyyy"), "\(unknown.text)")
  }
}
