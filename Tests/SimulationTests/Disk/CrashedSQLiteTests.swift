import Testing

/// SQLite's own promises, with a crash at each of its calls: they hold on this disk, and where it promises nothing the disk bites.
@Suite struct CrashedSQLiteTests {
  /// What became of a crash, by how many transactions were lost that had been committed.
  private struct Tally {
    var points = 0
    var exact = 0
    /// The transaction in hand was kept although its commit had not returned.
    var kept = 0
    var lost = 0
    var damaged: [String] = []
  }

  private func sweep(_ rows: CountedRows, _ restart: SimulatedDisk.Restart, step: Int = 1) throws -> Tally {
    let whole = try SimulatedDisk(seed: 0)
    #expect(rows.run(on: whole) == CountedRows.transactions)
    let last = whole.statistics.changes
    #expect(last > 100)
    var tally = Tally()
    for n in stride(from: 1, through: last, by: step) {
      let disk = try SimulatedDisk(seed: UInt64(n))
      disk.plan(.crash, at: n, isTorn: n % 2 == 0)
      let committed = rows.run(on: disk)
      #expect(disk.isDead)
      disk.restart(restart)
      tally.points += 1
      switch rows.recover(disk) {
      case .state(committed): tally.exact += 1
      case .state(committed + 1): tally.kept += 1
      case .state: tally.lost += 1
      case .damaged(let what): tally.damaged.append("call \(n): \(what)")
      }
    }
    print("\(rows.journal) \(rows.synchronous), \(restart): \(tally.points) points, \(tally.lost) lost, \(tally.damaged.count) damaged")
    return tally
  }

  @Test(arguments: ["FULL", "NORMAL", "OFF"]) func `A kill leaves exactly what was committed`(_ synchronous: String) throws {
    for journal in ["WAL", "DELETE"] {
      let tally = try sweep(CountedRows(journal: journal, synchronous: synchronous), .kill, step: synchronous == "FULL" ? 1 : 3)
      #expect(tally.damaged == [] && tally.lost == 0 && tally.exact > 0)
      #expect(tally.kept > 0 || journal != "WAL" || synchronous != "FULL", "what was written, and not yet synced, is there")
    }
  }

  @Test(arguments: [("WAL", "FULL"), ("DELETE", "EXTRA")])
  func `A power loss leaves exactly what was committed`(_ journal: String, _ synchronous: String) throws {
    let tally = try sweep(CountedRows(journal: journal, synchronous: synchronous), .powerLoss)
    #expect(tally.damaged == [] && tally.lost == 0 && tally.exact > 0)
  }

  @Test(arguments: [("WAL", "NORMAL"), ("DELETE", "FULL")])
  func `A power loss takes commits that SQLite does not promise, and damages nothing`(_ journal: String, _ synchronous: String) throws {
    let tally = try sweep(CountedRows(journal: journal, synchronous: synchronous), .powerLoss)
    #expect(tally.damaged == [] && tally.lost > 0)
  }

  @Test(arguments: ["WAL", "DELETE"]) func `Without syncs a power loss damages`(_ journal: String) throws {
    let tally = try sweep(CountedRows(journal: journal, synchronous: "OFF"), .powerLoss, step: 2)
    #expect(tally.damaged.count > 5 && tally.lost > 5)
  }
}
