package import GRDB

extension Row {
  /// A column that has to be there. In a damaged file it may be empty or of another type, for which GRDB's own subscript ends the process.
  ///
  /// - Throws: `StoreError.damaged`.
  package func sound<Value: DatabaseValueConvertible & StatementColumnConvertible>(_ column: String) throws -> Value {
    do { return try decode(forColumn: column) } catch { throw Self.damage(column) }
  }

  /// As `sound`; nil where it is empty.
  package func soundIfPresent<Value: DatabaseValueConvertible & StatementColumnConvertible>(_ column: String) throws -> Value? {
    do { return try decode(Value?.self, forColumn: column) } catch { throw Self.damage(column) }
  }

  private static func damage(_ column: String) -> StoreError { .damaged("a row's column \(column) does not hold what it should") }
}
