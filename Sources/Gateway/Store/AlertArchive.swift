package import Alerting
import Database

/// The alerts and silences of a store, as it stands: to be read beside a running gateway, or without one.
package final class AlertArchive {
  private let reader: StoreReader

  /// - Throws: `StoreError` where there is no store in the directory.
  package init(directory: String) throws { reader = try StoreReader(directory: directory) }

  /// Newest first. See `AlertTable.page`.
  package func page(_ filter: AlertFilter, limit: Int) throws -> [AlertRecord] {
    try reader.read { db in try AlertTable.page(filter, before: nil, limit: limit, db) }
  }

  /// An alert with its transitions; nil where there is none of that id.
  package func alert(_ id: String) throws -> (alert: AlertRecord, transitions: [TransitionRecord])? {
    try reader.read { db in try AlertTable.alert(id, db).map { ($0, try AlertTable.transitions(of: id, db)) } }
  }

  /// Those that are not over, in order of id.
  package func silences() throws -> [Silence] { try reader.read { db in try SilenceTable.all(db) } }
}
