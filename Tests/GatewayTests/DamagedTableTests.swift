import Database
import Foundation
import GRDB
import Gateway
import Readings
import SeriesStore
import Testing

/// A damaged row of a table without checksums is found at the start; it neither ends the process with a trap nor is taken for true.
@Suite struct DamagedTableTests {
  private static let damages = [
    "UPDATE alert SET state = 'rbised'", "UPDATE alert SET state = 'cleared', cleared_at = 1", "DELETE FROM life",
    "UPDATE alert SET severity = 'mbjor'", "UPDATE alert SET revision = 'x'", "UPDATE life SET breached_at = 'x'",
    "UPDATE gateway SET counters = 'x'", "UPDATE gateway SET log_number = 'x'", "UPDATE series SET registered_at = 'x'",
  ]

  @Test(arguments: damages) func `A start on a damaged row says so`(_ damage: String) throws {
    let gateway = try GatewayWorkshop(rules: "rules: [{id: r, when: last(speed) < 10, severity: major}]")
    gateway.send(#"{"values":{"speed":5}}"#, at: 0)
    try gateway.commit()
    #expect(try gateway.told() == ["raised@0"])
    try gateway.store.file.commit { db in try db.execute(sql: damage) }
    let error = #expect(throws: StoreError.self) { try gateway.reopen() }
    guard case .damaged = error else {
      Issue.record("\(error as Any)")
      return
    }
  }

  @Test func `The gap of a row in quarantine is told by the first start that gets to a commit, and by no other`() throws {
    let gateway = try GatewayWorkshop()
    for i in Int64(0)..<3 {
      gateway.send(#"{"values":{"speed":5}}"#, at: i * 1000)
      try gateway.commit()
    }
    // As a careful start leaves it that dies before its first commit.
    try gateway.store.file.commit { db in
      try db.execute(sql: "INSERT INTO quarantine(log_number, body) SELECT number, body FROM log WHERE number = 2")
      try SeriesLog.takeOut(2, db)
    }
    try gateway.reopen()
    try gateway.reopen()
    try gateway.commit()
    #expect(gateway.counters.gaps == ["quarantined": 1])
    try gateway.reopen()
    try gateway.commit()
    #expect(gateway.counters.gaps == ["quarantined": 1])
    #expect(try gateway.stored().count == 2)
  }
}
