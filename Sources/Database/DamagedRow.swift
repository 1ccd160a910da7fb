/// A row that is not what was written, where what it held can be named: it can be set aside, and the store goes on without it.
package struct DamagedRow: Error, Hashable, Sendable {
  package enum Table: String, Hashable, Sendable { case chunk, rollup }

  package var table: Table
  package var number: Int64
  /// Of what it held, in milliseconds.
  package var from: Int64
  package var to: Int64
  /// In words, for people: which row, and what is wrong with it.
  package var what: String

  package init(table: Table, number: Int64, range: Range<Int64>, what: String) {
    (self.table, self.number, from, to, self.what) = (table, number, range.lowerBound, range.upperBound, what)
  }
}
