import Database
import Foundation
import Fuzzing
import GRDB
import Readings
import SeriesStore
import TestSupport
import Testing

@Suite struct SeriesLogTests {
  private let directory: TemporaryDirectory
  private let file: StoreFile

  init() throws {
    directory = try TemporaryDirectory()
    file = try StoreFile(directory: directory.path, durability: .normal, migrations: SeriesSchema.migrations)
  }

  /// Appends rows of random batches with the numbers 1 to `count`.
  private func append(_ count: Int64, seed: UInt64 = 1) throws -> BatchContent {
    var random = SeededGenerator(seed: seed)
    var batch = LogBatch()
    var all = BatchContent()
    for number in 1...count {
      let content = RandomBatch.fill(&batch, inputs: 20, &random)
      all.entries += content.entries
      all.unnamed += content.unnamed
      let row = Data(batch.encode(number: number))
      try file.commit { db in try row.withUnsafeBytes { try SeriesLog.append($0, number: number, db) } }
      batch.removeAll()
    }
    return all
  }

  private func read() throws -> BatchContent {
    var content = BatchContent()
    _ = try file.read { db in try SeriesLog.read(db, into: &content) }
    return content
  }

  private func damage() -> String? {
    do {
      _ = try self.read()
      return nil
    } catch StoreError.damaged(let what) {
      return what
    } catch {
      return "another error: \(error)"
    }
  }

  @Test func allRowsAreReadInTheirOrder() throws {
    #expect(try read() == BatchContent())
    #expect(try file.read { try SeriesLog.lastNumber($0) } == 0)
    let content = try append(12)
    #expect(try read() == content)
    #expect(try file.read { try SeriesLog.lastNumber($0) } == 12)
  }

  @Test(arguments: [Int64(1), 2, 3, 4]) func aMissingRowIsDamage(_ number: Int64) throws {
    _ = try append(5)
    try file.commit { try $0.execute(sql: "DELETE FROM log WHERE number = ?", arguments: [number]) }
    #expect(damage() == "log rows \(number) to \(number) are missing")
  }

  @Test func aRowThatIsNotWhatWasWrittenIsDamage() throws {
    _ = try append(3)
    for change in [
      "substr(body, 1, length(body) - 1)", "body || x'00'", "x''", "x'01'", "CAST('text' AS BLOB)",
      "(SELECT body FROM log WHERE number = 3)",
    ] {
      try file.commit { try $0.execute(sql: "CREATE TEMP TABLE kept AS SELECT * FROM log") }
      try file.commit { try $0.execute(sql: "UPDATE log SET body = \(change) WHERE number = 2") }
      #expect(damage()?.hasPrefix("log row 2 cannot be read") == true, "\(change)")
      try file.commit { try $0.execute(sql: "DELETE FROM log; INSERT INTO log SELECT * FROM kept; DROP TABLE kept") }
      #expect(damage() == nil)
    }
  }

  @Test func seriesKeepTheirNumbersAndAreRegisteredOnce() throws {
    try file.commit { db in
      for id in 0..<3 { try SeriesTable.insert(StoredSeries(id: SeriesID(id), device: "d\(id)", metric: "m", registeredAt: nil), db) }
      try SeriesTable.register(at: Timestamp(milliseconds: 5), db)
      try SeriesTable.insert(StoredSeries(id: SeriesID(3), device: "d0", metric: "n", registeredAt: nil), db)
      try SeriesTable.register(at: Timestamp(milliseconds: 9), db)
    }
    let stored = try file.read { try SeriesTable.all($0) }
    #expect(stored.map(\.id.int) == [0, 1, 2, 3])
    #expect(stored.map(\.device) == ["d0", "d1", "d2", "d0"])
    #expect(stored.map(\.registeredAt?.milliseconds) == [5, 5, 5, 9])
  }
}
