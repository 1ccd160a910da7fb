import GRDB

/// What a database file says it is.
///
/// SQLite's header has two numbers for its user: `application_id` says whose file it is, `user_version` the format, which is the number
/// of migrations that the store has had. Their names stand in the table `grdb_migrations`. A store from before there was a format has 0 in
/// both, and is known by the names.
package struct StoreFormat {
  /// "Thuo", as `file(1)` shows it.
  static let applicationID: Int32 = 0x5468_756f

  package enum State: Equatable, Sendable {
    /// Nothing was written yet.
    case new
    /// It lacks some of these migrations; its format.
    case older(Int)
    case current
  }

  private let application: Int32
  /// 0 in a store from before there was one.
  private let number: Int
  private let isEmpty: Bool
  private let names: Set<String>

  /// Writes nothing.
  ///
  /// - Throws: `DatabaseError` where the file is no database; `StoreError.damaged`.
  init(_ db: Database) throws {
    application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    number = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") == 0
    guard try db.tableExists("grdb_migrations") else {
      names = []
      return
    }
    names = try Set(Row.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations").map { try $0.sound("identifier") })
  }

  /// - Parameter path: of the file, for the error.
  /// - Throws: `.unusable` of another program's file, `.newer`, `.damaged` where its numbers and names do not fit together.
  func state(among migrations: [Migration], path: String) throws(StoreError) -> State {
    let known = Set(migrations.map(\.name))
    if isEmpty { return .new }
    if application != Self.applicationID, names.isDisjoint(with: known) {
      throw .unusable("\(path): a database of another program, not a store of thuong; name another --data directory or file")
    }
    if !names.isSubset(of: known), number == 0 || number > known.count {
      throw .newer("\(path): format \(max(number, names.count)), and this version knows \(known.count)")
    }
    guard names.isSubset(of: known), !names.isEmpty, number == 0 || number == names.count else {
      throw .damaged("\(path): it calls itself format \(number), and has had \(names.count) migrations")
    }
    return names.count < known.count ? .older(names.count) : .current
  }

  /// Brings the schema up to date, in one transaction: a store is of one format or of another.
  static func migrate(_ db: Database, _ migrations: [Migration]) throws {
    let found = try StoreFormat(db)
    let missing = migrations.filter { !found.names.contains($0.name) }
    guard !missing.isEmpty || found.number != migrations.count || found.application != applicationID else { return }
    try db.inTransaction {
      try db.execute(sql: "CREATE TABLE IF NOT EXISTS grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
      for migration in missing {
        try db.execute(sql: migration.sql)
        try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES (?)", arguments: [migration.name])
      }
      try db.execute(sql: "PRAGMA user_version = \(migrations.count)")
      try db.execute(sql: "PRAGMA application_id = \(applicationID)")
      return .commit
    }
  }
}
