import Database
import GRDB

/// Which sink was told of which alert that is not over.
///
/// A sink that was told of an alert gets all the rest of it, whatever its filter says meanwhile; what it hears of first is `raised`.
enum ToldTable {
  private static let table = CheckedTable("told", ["alert", "sink"])

  static func sinks(of alert: String, _ db: GRDB.Database) throws -> Set<String> {
    let rows = try Row.fetchAll(db.cachedStatement(sql: "SELECT * FROM told WHERE alert = ?"), arguments: [alert])
    return try Set(
      rows.map { row in
        let sink: String = try row.sound("sink")
        try table.verify(row, "that \(sink) was told of alert \(alert)")
        return sink
      })
  }

  static func insert(alert: String, sink: String, _ db: GRDB.Database) throws { try table.replace([alert, sink], db) }

  /// The alert is over: no more is told of it to anybody.
  static func remove(alert: String, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "DELETE FROM told WHERE alert = ?").execute(arguments: [alert])
  }
}
