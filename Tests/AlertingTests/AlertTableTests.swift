import Alerting
import Database
import Foundation
import Readings
import TestSupport
import Testing

@Suite struct AlertTableTests {
  private let directory: TemporaryDirectory
  private let file: StoreFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try StoreFile(directory: directory.path, durability: .normal, migrations: AlertSchema.migrations)
  }

  private func t(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

  private func alert(_ n: Int, raisedAt: Int64? = nil, state: String = "raised") -> AlertRecord {
    AlertRecord(
      id: "alert-\(n)", rule: "rule-\(n % 3)", ruleVersion: "v", subject: "s/d/\(n)", device: n % 2 == 0 ? "d" : nil, site: "s",
      domain: "traffic",
      severity: Severity.allCases[n % 4], state: state, revision: 1, breachedAt: t(5), raisedAt: t(raisedAt ?? Int64(n)),
      clearedAt: state == "cleared" ? t(99) : nil, message: BilingualText(vi: "Ùn tắc “\(n)”", en: "\"\(n)\""))
  }

  @Test func everyPhaseIsReadBackAsItWasStored() throws {
    let phases: [AlertLife.Phase] = [
      .pending(breachedAt: t(1), trueAt: t(2), heardAt: t(3)), .raised(breachedAt: t(1), raisedAt: t(2), clearing: nil),
      .raised(breachedAt: t(-1), raisedAt: t(0), clearing: AlertLife.Clearing(since: t(0), trueAt: t(2))),
      .pending(breachedAt: t(0), trueAt: t(0), heardAt: t(0)),
    ]
    for first in phases {
      for second in phases {
        for phase in [first, second] {
          let stored = StoredLife(rule: "r", subject: "s", version: "1", life: AlertLife(phase: phase))
          try file.commit { try AlertTable.store(stored, $0) }
          #expect(try file.read { try AlertTable.lives($0) } == [stored])
        }
      }
      try file.commit { try AlertTable.store(StoredLife(rule: "r", subject: "s", version: "1", life: AlertLife()), $0) }
      #expect(try file.read { try AlertTable.lives($0) } == [], "what is inactive is not kept")
    }
  }

  @Test func anAlertIsReadBackAsItWasStoredLast() throws {
    var record = alert(1)
    try file.commit { try AlertTable.store(record, $0) }
    record.state = "cleared"
    record.revision = 2
    record.clearedAt = t(9)
    try file.commit { try AlertTable.store(record, $0) }
    #expect(try file.read { try AlertTable.alert("alert-1", $0) } == record)
    #expect(try file.read { try AlertTable.alert("alert-2", $0) } == nil)
  }

  @Test func pagesHoldEveryAlertOnceNewestFirst() throws {
    let records = (0..<23).map { alert($0, raisedAt: Int64($0 / 4), state: $0 % 5 == 0 ? "cleared" : "raised") }
    try file.commit { db in for record in records.shuffled() { try AlertTable.store(record, db) } }
    for state in [nil, AlertRecord.State.raised, .cleared] {
      for limit in [1, 2, 7, 100] {
        var found: [AlertRecord] = []
        var cursor: (raisedAt: Int64, id: String)?
        while true {
          let position = cursor
          let page = try file.read { try AlertTable.page(AlertFilter(state: state), before: position, limit: limit, $0) }
          found += page
          guard let last = page.last else { break }
          cursor = (last.raisedAt.milliseconds, last.id)
        }
        let expected = records.filter { state == nil || $0.state == state?.rawValue }
          .sorted { ($0.raisedAt.milliseconds, $0.id) > ($1.raisedAt.milliseconds, $1.id) }
        #expect(found == expected)
      }
    }
    #expect(try file.read { try AlertTable.open($0) }.allSatisfy { $0.state == "raised" })
    let counts = try file.read { try AlertTable.counts($0) }
    #expect(counts.reduce(0) { $0 + $1.count } == 23)
  }

  @Test func `At most one transition of an alert has a number`() throws {
    let step = TransitionRecord(
      alert: "a", number: 1, revision: 1, kind: .raised, reason: .condition, detail: "x", by: nil, severity: .major, time: t(1),
      detectedAt: t(2))
    try file.commit { try AlertTable.store(step, $0) }
    #expect(throws: StoreError.self) { try file.commit { try AlertTable.store(step, $0) } }
    #expect(try file.read { try AlertTable.transitions(of: "a", $0) } == [step])
  }

  @Test func `Alerts are found by how their ids begin, by a range of the primary key`() throws {
    let records = (0..<300).map { alert($0) }
    try file.commit { db in for record in records { try AlertTable.store(record, db) } }
    let ids = records.map(\.id).sorted()
    for beginning in ["", "a", "alert-", "alert-1", "alert-12", "alert-123", "alert-29", "alert-3", "b", "zz", "alert-1%", "ALERT"] {
      for limit in [1, 6, 400] {
        let found = try file.read { try AlertTable.ids(from: beginning, limit: limit, $0) }
        #expect(found == Array(ids.filter { $0.hasPrefix(beginning) }.prefix(limit)), "\(beginning) \(limit)")
      }
    }
  }
}
