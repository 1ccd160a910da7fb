import Database
import GRDB

/// Which sink was told of which alert that is not over.
///
/// A sink that was told of an alert gets all the rest of it, whatever its filter says meanwhile; what it hears of first is `raised`.
enum ToldTable {
  private static let table = CheckedTable("told", ["alert", "sink"])

  /// Damaged rows are mended first.
  static func sinks(of alert: String, _ db: GRDB.Database) throws -> Set<String> {
    let rows = try Row.fetchAll(db.cachedStatement(sql: "SELECT * FROM told WHERE alert = ?"), arguments: [alert])
    let sound = Set(rows.compactMap { try? sink($0) })
    guard sound.count < rows.count else { return sound }
    try mend(rows, of: [alert], db)
    return try sinks(of: alert, db)
  }

  /// Mends all damaged rows, also those of which the alert is not known any more.
  static func mend(_ db: GRDB.Database) throws {
    let open = try String.fetchSet(db, sql: "SELECT id FROM alert WHERE state = 'raised'")
    try mend(Row.fetchAll(db, sql: "SELECT * FROM told"), of: open, db)
  }

  /// Damaged rows become sound ones: whoever may be meant was told, of every one of the alerts that may be. Told too much is better than
  /// not told of the end.
  private static func mend(_ rows: [Row], of alerts: Set<String>, _ db: GRDB.Database) throws {
    let sinks = try String.fetchSet(db, sql: "SELECT id FROM sink")
    for row in rows where (try? sink(row)) == nil {
      let (alert, sink): (DatabaseValue, DatabaseValue) = (row["alert"], row["sink"])
      try db.execute(sql: "DELETE FROM told WHERE alert IS ? AND sink IS ?", arguments: [alert, sink])
      for alert in candidates(row, "alert", alerts) {
        for sink in candidates(row, "sink", sinks) { try insert(alert: alert, sink: sink, db) }
      }
    }
  }

  private static func sink(_ row: Row) throws -> String {
    let (alert, sink): (String, String) = (try row.sound("alert"), try row.sound("sink"))
    try table.verify(row, "that \(sink) was told of alert \(alert)")
    return sink
  }

  /// What a column of a damaged row may have held: what its checksum proves, else what stands there, else anything that is known.
  private static func candidates(_ row: Row, _ column: String, _ known: Set<String>) -> Set<String> {
    let proven = known.filter { table.isSound(row, with: $0, in: column) }
    if !proven.isEmpty { return proven }
    guard let named: String = try? row.sound(column), known.contains(named) else { return known }
    return [named]
  }

  /// Rows that are not as they were written, in words.
  static func damage(_ db: GRDB.Database) throws -> [String] {
    try Row.fetchAll(db, sql: "SELECT * FROM told ORDER BY alert, sink").compactMap { row in
      do { _ = try sink(row) } catch StoreError.damaged(let what) { return what }
      return nil
    }
  }

  static func insert(alert: String, sink: String, _ db: GRDB.Database) throws { try table.replace([alert, sink], db) }

  /// The alert is over: no more is told of it to anybody.
  static func remove(alert: String, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "DELETE FROM told WHERE alert = ?").execute(arguments: [alert])
  }
}
