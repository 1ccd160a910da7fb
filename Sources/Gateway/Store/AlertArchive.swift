package import Alerting
import Database
import Readings

/// The alerts and silences of a store, as it stands: to be read beside a running gateway, or without one.
package final class AlertArchive {
  private let reader: StoreReader

  /// - Throws: `StoreError` where there is no store in the directory.
  package init(directory: String) throws { reader = try StoreReader(directory: directory) }

  /// Newest first. See `AlertTable.page`.
  package func page(_ filter: AlertFilter, limit: Int) throws -> [AlertRecord] {
    try reader.read { db in try AlertTable.page(filter, before: nil, limit: limit, db) }
  }

  /// Those that are raised first, the gravest first, then those that have ended; each newest first.
  package func byUrgency(_ filter: AlertFilter, limit: Int) throws -> [AlertRecord] {
    let severities = filter.severity.map { [$0] } ?? Severity.allCases.reversed()
    return try reader.read { db in
      var found: [AlertRecord] = []
      for severity in severities where filter.state != .cleared {
        var open = filter
        (open.state, open.severity) = (.raised, severity)
        found += try AlertTable.page(open, before: nil, limit: limit - found.count, db)
      }
      if filter.state == .raised { return found }
      var ended = filter
      ended.state = .cleared
      return found + (try AlertTable.page(ended, before: nil, limit: limit - found.count, db))
    }
  }

  /// See `AlertTable.ids`.
  package func ids(from beginning: String, limit: Int) throws -> [String] {
    try reader.read { db in try AlertTable.ids(from: beginning, limit: limit, db) }
  }

  /// An alert with its transitions; nil where there is none of that id.
  package func alert(_ id: String) throws -> (alert: AlertRecord, transitions: [TransitionRecord])? {
    try reader.read { db in try AlertTable.alert(id, db).map { ($0, try AlertTable.transitions(of: id, db)) } }
  }

  /// Those that are not over, in order of id.
  package func silences() throws -> [Silence] { try reader.read { db in try SilenceTable.all(db) } }
}
