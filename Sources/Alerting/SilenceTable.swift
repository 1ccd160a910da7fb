import Database
package import GRDB
import Readings

/// Silences that are not over.
package enum SilenceTable {
  private static let table = CheckedTable("silence", ["id", "until", "body"])

  package static func store(_ silence: Silence, _ db: GRDB.Database) throws {
    try table.replace([silence.id, silence.until.milliseconds, try StoredJSON.text(silence)], db)
  }

  package static func remove(_ id: String, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "DELETE FROM silence WHERE id = ?").execute(arguments: [id])
  }

  /// In order of id.
  package static func all(_ db: GRDB.Database) throws -> [Silence] {
    try Row.fetchAll(db, sql: "SELECT * FROM silence ORDER BY id").map { row in
      let id: String = try row.sound("id")
      try table.verify(row, "silence \(id)")
      return try StoredJSON.value(Silence.self, row.sound("body"), "silence \(id)")
    }
  }
}
