package import GRDB

/// A table whose rows carry a checksum, in a column of that name, over all other columns in the order given.
package struct CheckedTable: Sendable {
  private let columns: [String]
  private let insertion: String

  package init(_ name: String, _ columns: [String]) {
    self.columns = columns
    let marks = Array(repeating: "?", count: columns.count + 1).joined(separator: ", ")
    insertion = "INTO \(name) (\(columns.joined(separator: ", ")), checksum) VALUES (\(marks))"
  }

  /// - Parameter values: of all columns, in order.
  package func insert(_ values: [(any DatabaseValueConvertible)?], _ db: Database) throws { try write("INSERT", values, db) }
  package func replace(_ values: [(any DatabaseValueConvertible)?], _ db: Database) throws { try write("INSERT OR REPLACE", values, db) }
  /// - Returns: false where its key is there already; nothing is changed then.
  package func insertIfNew(_ values: [(any DatabaseValueConvertible)?], _ db: Database) throws -> Bool {
    try write("INSERT OR IGNORE", values, db)
    return db.changesCount > 0
  }

  private func write(_ verb: String, _ values: [(any DatabaseValueConvertible)?], _ db: Database) throws {
    precondition(values.count == columns.count, "a value for each column")
    let stored = values.map { $0?.databaseValue ?? .null }
    let arguments = StatementArguments(stored + [RowChecksum.of(stored).databaseValue])
    try db.cachedStatement(sql: "\(verb) \(insertion)").execute(arguments: arguments)
  }

  /// Whether a row would be as it was written if one column held something else: of a damaged one that says what stood there. A row
  /// without a checksum says nothing.
  package func isSound(_ row: Row, with value: any DatabaseValueConvertible, in column: String) -> Bool {
    guard let stored = (try? row.soundIfPresent("checksum") as Int64?) ?? nil else { return false }
    return RowChecksum.of(columns.map { $0 == column ? value.databaseValue : row[$0] ?? .null }) == stored
  }

  /// - Parameters:
  ///   - what: what the row is, for the error.
  ///   - checksum: the name that the row's checksum has in the query.
  /// - Throws: `StoreError.damaged`.
  package func verify(_ row: Row, _ what: @autoclosure () -> String, checksum: String = "checksum") throws {
    try row.verify(columns, of: what(), checksum: checksum)
  }
}
