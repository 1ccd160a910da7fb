import Alerting
package import Database
import Outbox
import SeriesStore

/// All tables, in the order of the layers, and the gateway's own:
///
///     gateway  one row, as of the last commit: the counters as JSON, the number of the log's last row, and what ClockDoubt saved
///     reject   the last rejected input for each reason and registered device; one of each unknown device, up to a limit, and one of the rest
///     quarantine  what crashed the process: a message, or a row of the log (its number; topic NULL) with its body; and rows of chunk and
///                 rollup that could not be read: where they stood and under which number
///     online   one row a device of which a status topic was heard: what it said last, and when
///     restore  one row a time that the store was restored from a backup; see RestoreTable
package enum GatewaySchema {
  package static let migrations =
    SeriesSchema.migrations + AlertSchema.migrations + OutboxSchema.migrations + [
      Migration(
        name: "gateway-1",
        sql: """
          CREATE TABLE gateway(
            id INTEGER PRIMARY KEY CHECK (id = 1),
            counters BLOB NOT NULL,
            log_number INTEGER NOT NULL,
            clock_doubt BLOB NOT NULL);
          CREATE TABLE reject(
            reason TEXT NOT NULL,
            device TEXT NOT NULL,
            at INTEGER NOT NULL,
            topic TEXT NOT NULL,
            payload BLOB NOT NULL,
            detail TEXT NOT NULL,
            PRIMARY KEY(reason, device)) WITHOUT ROWID;
          """),
      Migration(
        name: "gateway-2",
        sql: """
          CREATE TABLE quarantine(
            id INTEGER PRIMARY KEY,
            at INTEGER,
            log_number INTEGER,
            topic TEXT,
            body BLOB NOT NULL);
          """),
      Migration(
        name: "gateway-3",
        sql: """
          CREATE TABLE restore(
            id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            backup_clock INTEGER,
            detail TEXT NOT NULL,
            told_at INTEGER);
          """),
      Migration(
        name: "gateway-4",
        sql: """
          ALTER TABLE quarantine ADD COLUMN stood_in TEXT;
          ALTER TABLE quarantine ADD COLUMN row_number INTEGER;
          """),
      Migration(
        name: "gateway-5",
        sql: """
          CREATE TABLE online(
            device TEXT PRIMARY KEY,
            is_online INTEGER NOT NULL,
            at INTEGER NOT NULL) WITHOUT ROWID;
          """),
    ]
}
