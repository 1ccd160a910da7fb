import Database
package import Outbox

/// The outbox of a store, as it stands: to be read beside a running gateway, or without one.
package final class OutboxArchive {
  private let reader: StoreReader

  /// - Throws: `StoreError` where there is no store in the directory.
  package init(directory: String) throws { reader = try StoreReader(directory: directory) }

  /// See `OutboxTable.page`.
  package func page(sink: String?, states: Set<DeliveryState>, limit: Int) throws -> [DeliveryRecord] {
    try reader.read { db in try OutboxTable.page(sink: sink, states: states, after: nil, limit: limit, in: db) }
  }

  /// See `OutboxTable.deliveries`.
  package func deliveries(of event: String) throws -> [DeliveryRecord] {
    try reader.read { db in try OutboxTable.deliveries(of: event, in: db) }
  }

  /// See `OutboxTable.events`.
  package func events(from beginning: String, limit: Int) throws -> [String] {
    try reader.read { db in try OutboxTable.events(from: beginning, limit: limit, in: db) }
  }

  /// See `OutboxTable.figures`.
  package func figures() throws -> [SinkFigures] { try reader.read { db in try OutboxTable.figures(in: db) } }
}
